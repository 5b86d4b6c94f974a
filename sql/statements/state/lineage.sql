-- Lineage: what a lineage server is told of runs and steps.
-- `src/state/lineage.rs` and `src/state/lineage_notes.rs` take each statement by its name: the line `-- name: …` above it.

-- name: read_origin
-- Finds when a run was started or retried last, and the run of OpenLineage that did so.
select first_attempt, request -> 'openlineage' as parent from icefront.runs where id = $1

-- name: failed_tests
-- Says whether a test of a model failed in one attempt of a run; null if there was none.
select bool_or(result.status = 'fail') as has_failed
from icefront.runs
join icefront.test_results as result
  on result.run_id = runs.id and result.attempt = $2 and result.table_name = runs.pipeline || '.' || $3::text
where runs.id = $1

-- name: read_step
-- Reads one attempt of a step.
select name, attempt, state, started_at, finished_at, counts, error, started_at as began_at
from icefront.steps
where run_id = $1 and name = $2 and attempt = $3

-- name: tests_of_attempt
-- Lists what one attempt of a run found by the tests of a table or model.
select
  table_name as "of", name, column_name as "column", severity, threshold, status, failures, rows, attempt, tested_at,
  failures_table, failures_snapshot
from icefront.test_results
where run_id = $1 and attempt = $2 and table_name = $3
order by name

-- name: reading_of_attempt
-- Finds what the refresh of a model read in one attempt of a run; without news, what the last one before it read.
select refresh.reading
from icefront.refreshes as refresh
where refresh.pipeline = $3 and refresh.model = $4 and refresh.reading is not null
  and refresh.id <= (
    select max(own.id)
    from icefront.refreshes as own
    where own.pipeline = $3 and own.model = $4 and own.run_id = $1 and own.attempt = $2
  )
order by refresh.id desc
limit 1

-- name: extracted_events
-- Counts the events of each source table that a run landed.
select events.source_schema as schema, events.source_table as name, sum(events.events)::bigint as events
from icefront.batches
join icefront.batch_events as events on events.pipeline = batches.pipeline and events.batch_id = batches.id
where batches.pipeline = $1 and batches.run_id = $2 and batches.state = 'landed'
group by events.source_schema, events.source_table

-- name: snapshots
-- Finds for some tables the snapshot of the last statement that had ended at $3. A table that was built has the
-- snapshot of its build.
select asked.target, last.snapshot
from unnest($2::text[]) as asked (target)
cross join lateral (
  select newest.snapshot
  from (values (asked.target), (asked.target || '__build')) as named (target)
  cross join lateral (
    select id, snapshot_after as snapshot
    from icefront.statements
    where pipeline = $1 and statements.target = named.target and snapshot_after is not null
      and finished_at <= $3::timestamptz
    order by id desc
    limit 1
  ) as newest
  order by newest.id desc
  limit 1
) as last

-- name: published
-- Finds for some models the snapshot of the last refresh that had changed their rows at $3.
select asked.name as target, last.snapshot
from unnest($2::text[]) as asked (name)
cross join lateral (
  select snapshot
  from icefront.publications
  where pipeline = $1 and publications.name = asked.name and published_at <= $3::timestamptz
  order by id desc
  limit 1
) as last

-- name: queries_of_step
-- Lists the statements that one attempt of a step sent to Trino, in order.
select target, trino_query_id as query_id, snapshot_after is not null as has_committed
from icefront.statements
where run_id = $1 and step = $2 and attempt = $3 and trino_query_id is not null
order by id
limit 1000
