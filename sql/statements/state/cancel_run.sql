-- Asks for the end of a run; one that was not begun has ended by that.
update icefront.runs
set state = case when state = 'queued' then 'cancelled' else state end,
  finished_at = case when state = 'queued' then clock_timestamp() end,
  error = case when state = 'queued' then $2::jsonb end,
  cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp())
where id = $1 and state in ('queued', 'running')
