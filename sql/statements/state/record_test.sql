-- Notes what a test said; a later try of the same attempt counts.
insert into icefront.test_results (run_id, attempt, table_name, name, column_name, severity, threshold, status, failures, rows)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (run_id, table_name, name, attempt) do update
set status = excluded.status, failures = excluded.failures, rows = excluded.rows, tested_at = clock_timestamp()
