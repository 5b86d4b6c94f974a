-- Takes a pipeline's lease for so many seconds, unless a service that lives has it.
insert into icefront.leases as lease (pipeline, number, holder, session, session_start, expires_at)
select $1, nextval('icefront.lease_numbers'), $2, own.pid, own.backend_start, clock_timestamp() + $3::float8 * interval '1 second'
from pg_stat_activity as own
where own.pid = pg_backend_pid()
on conflict (pipeline) do update
set number = excluded.number, holder = excluded.holder, session = excluded.session, session_start = excluded.session_start,
  expires_at = excluded.expires_at
where lease.expires_at < clock_timestamp()
  -- Of another user's session only the number is to be seen.
  or not exists (
    select from pg_stat_activity as session
    where session.pid = lease.session and coalesce(session.backend_start = lease.session_start, true)
  )
returning number
