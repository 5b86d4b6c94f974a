-- Ends a run, unless somebody else began its next attempt.
update icefront.runs set state = $3, counts = $4, error = $5, finished_at = clock_timestamp()
where id = $1 and attempt = $2 and state = 'running'
