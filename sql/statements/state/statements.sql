-- Statements that write to Trino.
-- `src/state/statements.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: prepare_statement
-- Notes a statement before Trino hears of it.
insert into icefront.statements (run_id, pipeline, step, attempt, target, sql)
values ($1, $2, $3, $4, $5, $6)
returning id

-- name: mark_statement_sent
-- Notes a statement's id in Trino and the address that it is polled at, before it can run. Changes nothing if the run's
-- attempt is over, or another service has the run.
update icefront.statements as statement
set state = 'sent', trino_query_id = $2, address = $3
from icefront.runs as run
where statement.id = $1 and run.id = statement.run_id and run.state = 'running' and run.attempt = statement.attempt

-- name: record_statement_progress
-- Notes how far Trino is with a statement.
update icefront.statements set progress = $2 where id = $1 and state = 'sent'

-- name: finish_statement
-- Notes how a statement ended.
update icefront.statements
set state = $2, update_count = $3, snapshot_before = $4, snapshot_after = $5, progress = $6,
  finished_at = clock_timestamp()
where id = $1

-- name: lost_statements
-- Lists the lost statements of a pipeline that write to a table: those of every step, without this attempt's own.
-- `publishes` separates runs that publish batches from runs that repair.
select
  statement.id, run.task ->> 'kind' in ('build', 'resync', 'reset', 'replay') as publishes,
  statement.step like 'maintain%' as is_maintenance, statement.trino_query_id, statement.address
from icefront.statements as statement
join icefront.runs as run on run.id = statement.run_id
where statement.pipeline = $1 and statement.target = $2 and statement.state = 'sent'
  and not (statement.run_id = $3 and statement.attempt = $4)
order by statement.id

-- name: sent_statements
-- Lists the statements that a run sent to Trino, in any attempt, whose end is not noted.
select step, target, trino_query_id, address
from icefront.statements
where run_id = $1 and ($2::text is null or step = $2) and state = 'sent'
order by id

-- name: list_statements
-- Lists the statements of some steps of a run in the order of sending, without their SQL.
select
  step, attempt, target, state, trino_query_id, update_count, snapshot_before, snapshot_after,
  started_at, finished_at,
  case when progress is not null then
    progress - array['cpu_ms', 'elapsed_ms'] || jsonb_build_object(
      'cpu_seconds', (progress ->> 'cpu_ms')::float8 / 1000, 'elapsed_seconds', (progress ->> 'elapsed_ms')::float8 / 1000
    )
  end as progress
from icefront.statements
where run_id = $1 and step = any($2)
order by id

-- name: list_sql
-- Lists the SQL of a step's statements in the order of sending, after the one with the id $3: at most $4 statements, and about $5 bytes
-- of SQL. A longer statement is listed alone. `found` counts the statements before the limit of bytes.
with listed as (
  select id, attempt, target, trino_query_id, sql
  from icefront.statements
  where run_id = $1 and step = $2 and ($3::bigint is null or id > $3)
  order by id
  limit $4
),
measured as (
  select *, sum(octet_length(sql)) over (order by id) - octet_length(sql) as bytes_before, count(*) over () as found
  from listed
)
select id, attempt, target, trino_query_id, sql, found
from measured
where bytes_before < $5
order by id

-- name: has_written
-- Whether this service has sent a statement that writes a table or view.
select exists (select from icefront.statements where pipeline = $1 and target = $2) as has_written

-- name: last_snapshot
-- Finds the last snapshot that a statement of a pipeline made of a table.
select snapshot_after
from icefront.statements
where pipeline = $1 and target = $2 and snapshot_after is not null
order by id desc
limit 1

-- name: has_sent_any
-- Whether runs of a pipeline sent one of these statements of Trino.
select exists (
  select from icefront.statements
  where pipeline = $1 and trino_query_id = any($2::text[])
) as has_sent
