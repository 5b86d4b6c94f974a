-- Holds a lease for so many seconds more; says whether the pipeline's run is to be cancelled. No row where the lease is another's.
update icefront.leases as lease
set expires_at = clock_timestamp() + $2::float8 * interval '1 second'
where lease.number = $1
returning exists (
  select from icefront.runs where runs.pipeline = lease.pipeline and runs.state = 'running' and runs.cancel_requested_at is not null
)
