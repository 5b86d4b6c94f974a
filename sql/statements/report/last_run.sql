-- Finds the state of a pipeline's active run, and of its last run that ended; each is null where there is none.
select
  (
    select state
    from icefront.runs
    where pipeline = $1 and state in ('queued', 'running')
    order by state = 'running' desc, id
    limit 1
  ),
  (
    select state
    from icefront.runs
    where pipeline = $1 and state in ('succeeded', 'failed', 'cancelled')
    order by id desc
    limit 1
  )
