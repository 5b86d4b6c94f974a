-- Results of declared tests.
-- `src/state/test_results.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: record_test
-- Notes what a test found. If one attempt tests twice, the later result counts.
insert into icefront.test_results (
  run_id, attempt, table_name, name, column_name, severity, threshold, status, failures, rows,
  failures_table, failures_snapshot
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (run_id, table_name, name, attempt) do update
set status = excluded.status, failures = excluded.failures, rows = excluded.rows, tested_at = clock_timestamp(),
  failures_table = excluded.failures_table, failures_snapshot = excluded.failures_snapshot

-- name: list_tests
-- Lists what the tests of a run found, each in its last attempt, sorted by table and name; after test $3 of table $2.
with last as (
  select distinct on (table_name, name)
    table_name as "of", name, column_name as "column", severity, threshold, status, failures, rows, attempt, tested_at,
    failures_table, failures_snapshot
  from icefront.test_results
  where run_id = $1 and ($2::text is null or (table_name, name) > ($2, $3::text))
    and ($4::text is null or table_name = $4) and ($5::text is null or name = $5)
  order by table_name, name, attempt desc
)
select *
from last
where $6::text[] is null or status = any($6)
order by "of", name
limit $7
