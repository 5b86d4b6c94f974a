-- Ends a run, unless somebody else began its next attempt. What it did is what its steps did, each in its last try that succeeded; of events
-- and rows what was recorded with them, because a try may have been lost between that and its own end.
update icefront.runs
set state = $3, error = $4, finished_at = clock_timestamp(),
  counts = (
    -- Tests, repairs and verifications are done anew by a later try.
    with steps as (
      select distinct on (name) name, counts
      from icefront.steps
      where run_id = $1 and state = 'succeeded' and name <> 'optimize'
      order by name, attempt desc
    ),
    -- What they said of it.
    told as (
      select count.key as name, sum(count.value::text::bigint) as total
      from steps, jsonb_each(steps.counts) as count
      group by count.key
    ),
    -- What was recorded in the transactions that it was done by; of a restage, events are not.
    recorded as (
      select count.key as name, sum(count.value::text::bigint) as total
      from icefront.changes, jsonb_each(to_jsonb(changes) - array['run_id', 'pipeline', 'table_name', 'batch_id', 'changed_at']) as count
      where changes.run_id = $1 and jsonb_typeof(count.value) = 'number'
      group by count.key
      union all
      select count.key, sum(count.value::text::bigint)
      from icefront.batches, jsonb_each(jsonb_build_object('events', events, 'files', files, 'bytes', bytes)) as count
      where batches.run_id = $1 and batches.state = 'landed' and exists (select from icefront.steps where run_id = $1 and name = 'extract')
      group by count.key
    )
    select coalesce(jsonb_object_agg(name, coalesce(nullif(recorded.total, 0), told.total, 0)), '{}')
    from told full join recorded using (name)
    where told.name is not null or recorded.total <> 0
  )
where id = $1 and attempt = $2 and state = 'running'
