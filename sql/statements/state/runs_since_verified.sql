-- Counts the runs of a pipeline that succeeded since tables were last compared with their logs.
select count(*) from icefront.runs
where pipeline = $1 and state = 'succeeded' and task ->> 'kind' in ('build', 'resync') and id > coalesce(
  (
    select run.id from icefront.runs as run
    join icefront.steps as step on step.run_id = run.id
    where run.pipeline = $1 and step.name like 'verify.%' and step.state = 'succeeded'
    order by run.id desc limit 1
  ),
  '00000000-0000-0000-0000-000000000000'
)
