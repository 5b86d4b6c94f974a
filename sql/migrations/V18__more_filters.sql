-- Indexes for filters and look-ups that read more rows than they found.

-- Runs of a pipeline in rare states, and runs of some time.
create index runs_of_pipeline_by_state on icefront.runs (pipeline, state, id);
create index runs_by_time on icefront.runs (created_at);
create index runs_of_pipeline_by_time on icefront.runs (pipeline, created_at);

-- Refreshes of a model in rare states, and of some time.
create index refreshes_of_model_by_state on icefront.refreshes (pipeline, model, state, id);
create index refreshes_of_model_by_start on icefront.refreshes (pipeline, model, started_at);

-- Deliveries in rare states, and those that are old enough to be forgotten.
create index deliveries_by_state on icefront.deliveries (receiver, state, id);
create index deliveries_ended on icefront.deliveries (created_at) where state <> 'waiting';

-- Files of a table, and files that could not be read.
create index files_of_table on icefront.files (pipeline, table_name, id);
create index files_unread on icefront.files (pipeline, table_name) where state <> 'landed';

-- Who sent a statement of Trino.
create index statements_by_query on icefront.statements (pipeline, trino_query_id) where trino_query_id is not null;

-- The batches of a run, and the runs that compared tables with their typed logs.
create index batches_of_run on icefront.batches (run_id);
create index steps_verified on icefront.steps (run_id) where name like 'verify.%' and state = 'succeeded';
