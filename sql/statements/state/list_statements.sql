-- Lists the statements of a run, of one step where it is named.
select id, step, attempt, target, sql, state, trino_query_id, update_count, snapshot_before, snapshot_after, started_at, finished_at, progress
from icefront.statements
where run_id = $1 and ($2::text is null or step = $2)
order by id
