-- Lists the steps of a run: of each its last try.
select distinct on (name) name, attempt, state, started_at, finished_at, counts, error
from icefront.steps
where run_id = $1
order by name, attempt desc
