-- Leftovers: what is held of tables and models that no definition declares any more.
-- `src/state/leftovers.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: list_held
-- Lists the tables and models that this state database knows.
select pipeline, name, 'table' as kind from icefront.tables
union all
select pipeline, name, 'model' as kind from icefront.models
order by pipeline, name, kind

-- name: last_publications
-- Finds when the rows of some tables and models changed last.
select
  asked.pipeline, asked.name,
  (
    select published_at
    from icefront.publications
    where publications.pipeline = asked.pipeline and publications.name = asked.name
    order by id desc
    limit 1
  ) as published_at
from unnest($1::text[], $2::text[]) as asked (pipeline, name)

-- name: written_tables
-- Lists the tables and views of Trino that runs of some pipelines wrote, with the steps of the first and the last statement.
-- It looks up two statements of each, however many there are. `optimize`, `maintain` and `erase` write tables of all steps.
with recursive written as (
  select
    asked.pipeline,
    (select min(target) from icefront.statements where statements.pipeline = asked.pipeline) as target
  from unnest($1::text[]) as asked (pipeline)
  union all
  select
    written.pipeline,
    (
      select min(target)
      from icefront.statements
      where statements.pipeline = written.pipeline and statements.target > written.target
    )
  from written
  where written.target is not null
)
select
  written.pipeline, written.target, first.step as first_step, last.step as last_step,
  last.state = 'succeeded' as has_succeeded, last.id as last_statement
from written
cross join lateral (
  select step
  from icefront.statements
  where statements.pipeline = written.pipeline and statements.target = written.target
  order by id
  limit 1
) as first
cross join lateral (
  select id, step, state
  from icefront.statements
  where statements.pipeline = written.pipeline and statements.target = written.target and step <> 'optimize'
    and step not like 'maintain%' and step not like 'erase%'
  order by id desc
  limit 1
) as last
where written.target is not null

-- name: taken_over
-- Lists those of some tables of Trino that a run of another pipeline wrote later, with that pipeline.
with recursive pipelines as (
  select min(pipeline) as pipeline from icefront.statements
  union all
  select (select min(statements.pipeline) from icefront.statements where statements.pipeline > pipelines.pipeline)
  from pipelines
  where pipelines.pipeline is not null
)
select asked.target, min(other.pipeline) as pipeline
from unnest($2::text[]) as asked (target)
join pipelines as other on other.pipeline <> $1
where
  (select max(id) from icefront.statements where statements.pipeline = other.pipeline and statements.target = asked.target)
  > (select max(id) from icefront.statements where statements.pipeline = $1 and statements.target = asked.target)
group by asked.target

-- name: has_sent
-- Whether runs of a pipeline sent one of these statements of Trino to one of these tables.
select exists (
  select from icefront.statements
  where pipeline = $1 and target = any($2::text[]) and trino_query_id = any($3::text[])
) as has_sent

-- name: has_made_view
-- Whether a run of a pipeline made a view of this name.
select exists (
  select from icefront.statements
  where pipeline = $1 and target = $2 and state = 'succeeded' and sql like '%create or replace view%'
) as has_made_view

-- name: held_table
-- Reads what a table's deletion needs to know of it.
select
  origin, rejects,
  (
    select coalesce(sum(held.events), 0)::bigint
    from icefront.batch_events as held
    join icefront.batches as batch
      on batch.pipeline = held.pipeline and batch.id = held.batch_id and batch.state = 'landed'
    where held.pipeline = $1 and held.source_schema = $3 and held.source_table = $4
  ) as landed,
  -- Another table that is held may come from the same events.
  exists (
    select from icefront.tables as other
    where other.pipeline = $1 and other.name <> $2 and other.origin = own.origin
  ) as shares_events
from icefront.tables as own
where pipeline = $1 and name = $2

-- name: origin
-- Reads the source table that a table was made from.
select origin from icefront.tables where pipeline = $1 and name = $2

-- name: is_last
-- Whether a pipeline holds only this table ($3 = `table`) or model.
select
  not exists (select from icefront.tables where pipeline = $1 and not (name = $2 and $3::text = 'table'))
  and not exists (select from icefront.models where pipeline = $1 and not (name = $2 and $3 = 'model')) as is_last

-- name: count_rows
-- Counts the rows of the state database that are about a table ($3 = `table`) or model.
select
  (select count(*) from icefront.tables where pipeline = $1 and name = $2 and $3::text = 'table')
  + (select count(*) from icefront.models where pipeline = $1 and name = $2 and $3 = 'model')
  + (select count(*) from icefront.builds where pipeline = $1 and table_name = $2 and $3 = 'table')
  + (select count(*) from icefront.files where pipeline = $1 and table_name = $2 and $3 = 'table')
  + (select count(*) from icefront.publications where pipeline = $1 and name = $2)
  + (select count(*) from icefront.freshness_seen where name = $1::text || '.' || $2::text) as rows

-- name: active_run
-- Finds a run of a pipeline that is not a deletion and was executed when its service ended.
select id
from icefront.runs
where pipeline = $1 and state = 'running' and task ->> 'kind' not in ('delete', 'delete_model')

-- name: run_of_key
-- Finds the run that a key led to, if it is kept $3 seconds or less.
select run_id
from icefront.idempotency_keys
where pipeline = $1 and key = $2 and created_at > clock_timestamp() - $3::float8 * interval '1 second'

-- name: forget_consumers
-- Forgets the consumers of a table or model.
delete from icefront.consumers where pipeline = $1 and of_name = $2 and is_model = $3

-- name: forget_model_publications
-- Forgets the publications of a model, so that no row changes are told across its deletion.
delete from icefront.publications where pipeline = $1 and name = $2 and refresh_id is not null

-- name: forget_freshness
-- Forgets how fresh a table or model was.
delete from icefront.freshness_seen where name = $1::text || '.' || $2::text

-- name: forget_table
-- Forgets a table.
delete from icefront.tables where pipeline = $1 and name = $2

-- name: forget_model
-- Forgets a model.
delete from icefront.models where pipeline = $1 and name = $2

-- name: forget_cursor
-- Forgets how far the source of a pipeline was read.
delete from icefront.cursors where pipeline = $1

-- name: forget_batches
-- Notes that no batch of a pipeline is in its landing table any more. Their ids are not given again.
update icefront.batches set state = 'abandoned' where pipeline = $1 and state <> 'abandoned'

-- name: forget_all_events
-- Forgets what the batches of a pipeline held.
delete from icefront.batch_events where pipeline = $1

-- name: forget_all_files
-- Forgets the ledger of files of a pipeline.
delete from icefront.files where pipeline = $1

-- name: forget_schedule
-- Forgets whether a pipeline was paused, and how far its schedule was kept.
delete from icefront.pipelines where name = $1
