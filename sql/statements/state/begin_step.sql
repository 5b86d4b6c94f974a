-- Begins a try of a step.
insert into icefront.steps (run_id, name, attempt, state) values ($1, $2, $3, 'running')
on conflict (run_id, name, attempt) do update set state = 'running', started_at = clock_timestamp(), finished_at = null, error = null
