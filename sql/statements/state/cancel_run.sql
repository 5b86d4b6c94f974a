-- Asks for the end of a run; one that was never begun has ended by that. Of one that was begun it is first found out what it had committed.
update icefront.runs
set state = case when state = 'queued' and attempt = 0 then 'cancelled' else state end,
  finished_at = case when state = 'queued' and attempt = 0 then clock_timestamp() end,
  error = case when state = 'queued' and attempt = 0 then $2::jsonb end,
  cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp())
where id = $1 and state in ('queued', 'running')
