-- Ends what earlier attempts of the run left open.
update icefront.steps set state = 'failed', finished_at = clock_timestamp(), error = $3 where run_id = $1 and attempt < $2 and state = 'running'
