-- expands: a service of version 23 runs on it
-- Indexes for what read all runs of a pipeline, all refreshes of a model, or all events of a pipeline, to find few or nothing.

-- Runs of a pipeline by filters.
create index runs_of_pipeline_by_trigger on icefront.runs (pipeline, trigger, id);
create index runs_labelled on icefront.runs (pipeline, id) where request -> 'labels' <> '{}';

-- Refreshes of a model with rare actions.
create index refreshes_of_model_by_action on icefront.refreshes (pipeline, model, action, id);

-- What a batch holds, over all source tables.
create index batch_events_of_batch on icefront.batch_events (pipeline, batch_id);

-- Steps tell of themselves when they go on, not when the words of a problem are erased.
drop trigger tell_step on icefront.steps;
create trigger tell_step after insert or update of state, attempt, counts on icefront.steps
for each row execute function icefront.tell_step();

insert into icefront.expansions (version, oldest_service_schema) values (24, 23);
