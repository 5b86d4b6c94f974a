-- What lists of runs and changes are filtered by, and the schedule's time that a run was started for.

alter table icefront.runs add column scheduled_for timestamptz;

create index runs_by_state on icefront.runs (state, id);
create index runs_by_kind on icefront.runs ((task ->> 'kind'), id);
create index runs_by_labels on icefront.runs using gin ((request -> 'labels') jsonb_path_ops);
create index changes_of_pipeline on icefront.changes (pipeline, changed_at);
create index refreshes_of_pipeline on icefront.refreshes (pipeline, finished_at);
