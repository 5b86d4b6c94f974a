-- Asks for the end of a run; one that waits has ended by that, unless an earlier try left statements of which nobody knows what they did.
update icefront.runs
set state = case when over then 'cancelled' else state end,
  finished_at = case when over then clock_timestamp() end,
  error = case when over then $2::jsonb end,
  cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp())
from (
  select id as run, state = 'queued' and not exists (
    select from icefront.statements where statements.run_id = runs.id and statements.state = 'sent'
  ) as over
  from icefront.runs
  where id = $1
  for update
) as asked
where id = asked.run and state in ('queued', 'running')
