-- Takes the next run of a pipeline whose lease we hold: one that was left running by somebody who is gone comes first, then one that was begun.
-- Who cannot execute it takes only those that are to be cancelled.
update icefront.runs
set state = 'running', attempt = attempt + 1, lost = lost + 1, started_at = coalesce(started_at, clock_timestamp())
where id = (
  select id from icefront.runs
  where pipeline = $1 and state in ('running', 'queued') and ($2 or cancel_requested_at is not null)
  order by state = 'running' desc, attempt > 0 desc, id
  limit 1
)
  -- It may have been cancelled meanwhile.
  and state in ('running', 'queued')
returning id, pipeline, state, request, attempt, created_at, started_at, finished_at, counts, error, task, '[]'::jsonb, cancel_requested_at, lost
