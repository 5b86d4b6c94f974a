-- Leases: one service at a time works on a pipeline.
-- `src/state/lease.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: try_lease
-- Takes a pipeline's lease for $3 seconds, unless a service that lives has it.
insert into icefront.leases as lease (pipeline, number, holder, session, session_start, expires_at)
select
  $1, nextval('icefront.lease_numbers'), $2, own.pid, own.backend_start,
  clock_timestamp() + $3::float8 * interval '1 second'
from pg_stat_activity as own
where own.pid = pg_backend_pid()
on conflict (pipeline) do update
set number = excluded.number, holder = excluded.holder, session = excluded.session,
  session_start = excluded.session_start, expires_at = excluded.expires_at
where lease.expires_at < clock_timestamp()
  -- Another user's session shows only its pid: `backend_start` is null.
  or not exists (
    select from pg_stat_activity as session
    where session.pid = lease.session and coalesce(session.backend_start = lease.session_start, true)
  )
returning number

-- name: hold_lease
-- Lets a session record only while this lease is held.
select set_config('icefront.lease', $1, false)

-- name: renew_lease
-- Holds a lease for $2 more seconds, and says whether the pipeline's run is to be cancelled. No row: another service
-- has the lease.
update icefront.leases as lease
set expires_at = clock_timestamp() + $2::float8 * interval '1 second'
where lease.number = $1
returning exists (
  select from icefront.runs
  where runs.pipeline = lease.pipeline and runs.state = 'running' and runs.cancel_requested_at is not null
) as is_cancel_requested

-- name: release_lease
-- Gives a lease back.
update icefront.leases set expires_at = '-infinity' where number = $1
