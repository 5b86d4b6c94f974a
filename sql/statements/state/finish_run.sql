-- Ends a run.
update icefront.runs set state = $2, counts = $3, error = $4, finished_at = clock_timestamp() where id = $1 and state = 'running'
