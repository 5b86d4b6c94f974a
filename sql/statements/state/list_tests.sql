-- Lists what the tests of a run said: of each the last try.
select distinct on (table_name, name) table_name, name, column_name, severity, threshold, status, failures, rows, attempt, tested_at
from icefront.test_results
where run_id = $1
order by table_name, name, attempt desc
