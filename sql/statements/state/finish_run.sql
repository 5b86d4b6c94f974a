-- Ends a run, unless somebody else began its next attempt. What it did is what its steps did, in whichever attempt.
update icefront.runs
set state = $3, error = $4, finished_at = clock_timestamp(),
  counts = (
    select coalesce(jsonb_object_agg(name, total), '{}')
    from (
      select count.key as name, sum(count.value::text::bigint) as total
      from icefront.steps, jsonb_each(steps.counts) as count
      where steps.run_id = $1 and steps.state = 'succeeded' and steps.name <> 'optimize'
      group by count.key
    ) as done
  )
where id = $1 and attempt = $2 and state = 'running'
