-- Retention: what deletion looks up, and the day's maintenance of each pipeline.

alter table icefront.pipelines
  -- The daily times up to here have had their maintenance.
  add column maintained_until timestamptz;

-- Sums of changes and refreshes stay longer than the runs that made them.
alter table icefront.changes drop constraint changes_run_id_fkey;
alter table icefront.refreshes drop constraint refreshes_run_id_fkey;

-- Runs that are old enough, and what goes with them.
create index runs_ended on icefront.runs (pipeline, finished_at) where finished_at is not null;
create index idempotency_keys_of_run on icefront.idempotency_keys (run_id);

-- Statements whose text is kept, and those that tell whose a table is.
create index statements_with_sql on icefront.statements (pipeline, started_at) where sql <> '';
create index statements_first on icefront.statements (pipeline, target, id) where snapshot_before is null and snapshot_after is not null;
create index statements_of_optimize on icefront.statements (pipeline, target, id) where step = 'optimize';

-- The statement that made a view tells whose it is.
create index statements_of_views on icefront.statements (pipeline, target, id) where sql like '%create or replace view%';

-- The last build of a pipeline, which metrics ask for every few seconds.
create index runs_built on icefront.runs (pipeline, id) where state = 'succeeded' and task ->> 'kind' = 'build';

-- Publications that are old enough.
create index publications_by_time on icefront.publications (pipeline, published_at);
