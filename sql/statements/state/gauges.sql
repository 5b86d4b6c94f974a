-- What metrics show of the state database. Each statement is asked every few seconds, and for all pipelines at once.
-- `src/state/gauges.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: pipeline_gauges
-- Finds for some pipelines how many runs are under way and wait, when the last build succeeded, and how far the source was read.
select
  asked.pipeline,
  (select count(*) from icefront.runs where runs.pipeline = asked.pipeline and state = 'running') as active,
  (select count(*) from icefront.runs where runs.pipeline = asked.pipeline and state = 'queued') as queued,
  (
    select finished_at
    from icefront.runs
    where runs.pipeline = asked.pipeline and state = 'succeeded' and task ->> 'kind' = 'build'
    order by id desc
    limit 1
  ) as last_success_at,
  coalesce(pipelines.is_paused, false) as is_paused, cursors.covered_until, 
  -- A busy source nearly always has a transaction that is open for a moment.
  coalesce((cursors.blocked_by ->> 'age_seconds')::float8 >= 60, false) as is_blocked
from unnest($1::text[]) as asked (pipeline)
left join icefront.pipelines on pipelines.name = asked.pipeline
left join icefront.cursors on cursors.pipeline = asked.pipeline

-- name: open_rejects
-- Reads how many rejects some tables have.
select tables.pipeline, tables.name, tables.rejects
from unnest($1::text[], $2::text[]) as asked (pipeline, name)
join icefront.tables on tables.pipeline = asked.pipeline and tables.name = asked.name

-- name: size
-- Measures the database, in bytes.
select pg_database_size(current_database()) as bytes

-- name: table_sizes
-- Measures our tables with their indexes, in bytes. The rows are Postgres' own estimate, -1 before the first one.
select relname::text as name, pg_total_relation_size(oid) as bytes, nullif(reltuples, -1)::float8 as rows
from pg_class
where relnamespace = to_regnamespace('icefront') and relkind = 'r'
