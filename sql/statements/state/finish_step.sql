-- Ends a try of a step.
update icefront.steps set state = $4, counts = $5, error = $6, finished_at = clock_timestamp()
where run_id = $1 and name = $2 and attempt = $3
