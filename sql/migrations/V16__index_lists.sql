-- Indexes for the filters of lists. With them, no list reads more rows than its page needs.

create index runs_by_trigger on icefront.runs (trigger, id);
create index runs_of_table on icefront.runs (pipeline, (task ->> 'table'), id) where task ->> 'table' is not null;
create index runs_of_model on icefront.runs (pipeline, (task ->> 'model'), id) where task ->> 'model' is not null;
create index changes_of_table on icefront.changes (pipeline, table_name, changed_at);
create index refreshes_of_model_by_time on icefront.refreshes (pipeline, model, finished_at);
