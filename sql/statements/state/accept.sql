-- Runs that callers start, cancel and retry, and the keys under which a call is done once.
-- `src/state/accept.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: accept_lock
-- Lets callers that start a run of one pipeline take turns, so that each sees what the one before was given.
select pg_advisory_xact_lock(hashtextextended('icefront accepts ' || $1::text, 0))

-- name: is_paused
-- Whether nothing starts runs of a pipeline by itself.
select coalesce((select is_paused from icefront.pipelines where name = $1), false) as is_paused

-- name: find_key
-- Finds the run that a key led to, and whether it was asked for by the same body. $4 is how many seconds a key is kept.
select run_id, body = $3 as is_same_body
from icefront.idempotency_keys
where pipeline = $1 and key = $2 and created_at > clock_timestamp() - $4::float8 * interval '1 second'

-- name: keep_key
-- Keeps the run that a key led to. A key that was too old starts again.
insert into icefront.idempotency_keys (pipeline, key, body, run_id) values ($1, $2, $3, $4)
on conflict (pipeline, key) do update
set body = excluded.body, run_id = excluded.run_id, created_at = clock_timestamp()

-- name: forget_idempotency_keys
-- Deletes keys older than $1 seconds.
delete from icefront.idempotency_keys where created_at < clock_timestamp() - $1::float8 * interval '1 second'

-- name: active_runs
-- Finds the active run of a pipeline, the active build that covers these steps and tables, and how many runs wait.
with active as (
  select
    id, state, attempt, task, request, cancel_requested_at,
    row_number() over (order by state = 'running' desc, attempt > 0 desc, id) as place
  from icefront.runs
  where pipeline = $1 and state in ('queued', 'running')
)
select
  (select id from active order by place limit 1) as active,
  (
    select id
    from active
    where task ->> 'kind' = 'build' and cancel_requested_at is null
      -- A run that has begun may have read its source before a schedule's time.
      and ($3::text <> 'schedule' or state = 'queued' and attempt = 0)
      and request -> 'steps' in ('[]', $2::jsonb -> 'steps')
      and request -> 'select' in ('[]', $2::jsonb -> 'select')
      and coalesce(request -> 'exclude', '[]') in ('[]', $2::jsonb -> 'exclude')
      and request -> 'full_refresh' in ('true', $2::jsonb -> 'full_refresh')
    order by place
    limit 1
  ) as alike,
  (select count(*) from active where state = 'queued') as waiting

-- name: create_run
-- Accepts a run; it is a row before the caller is answered.
insert into icefront.runs (id, pipeline, state, request, task, trigger, scheduled_for, requested_by, traceparent)
values ($1, $2, 'queued', $3, $4, $5, $6, $7, $8)

-- name: queue_again
-- Queues a failed or cancelled run again. Its next attempt continues where the last one ended. The caller may be another
-- run of OpenLineage by now ($2).
update icefront.runs
set state = 'queued', finished_at = null, error = null, counts = '{}', lost = 0, cancel_requested_at = null,
  first_attempt = attempt + 1,
  request = case when $2::jsonb is null then request else request || jsonb_build_object('openlineage', $2::jsonb) end
where id = $1 and state in ('failed', 'cancelled')

-- name: cancel_run
-- Asks for the end of a run. A waiting run ends at once, unless an earlier attempt left a statement without a known
-- end: then a worker has to resolve that first.
update icefront.runs
set state = case when is_over then 'cancelled' else state end,
  finished_at = case when is_over then clock_timestamp() end,
  error = case when is_over then $2::jsonb end,
  cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp())
from (
  select id as run, state = 'queued' and not exists (
    select from icefront.statements where statements.run_id = runs.id and statements.state = 'sent'
  ) as is_over
  from icefront.runs
  where id = $1
  for update
) as asked
where id = asked.run and state in ('queued', 'running')
returning attempt, first_attempt, finished_at
