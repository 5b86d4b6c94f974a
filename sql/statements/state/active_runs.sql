-- Tells which run of a pipeline is active, which one does what these steps and tables need, and how many wait.
with active as (
  select id, state, task, request, cancel_requested_at, row_number() over (order by state = 'running' desc, attempt > 0 desc, id) as place
  from icefront.runs
  where pipeline = $1 and state in ('queued', 'running')
)
select
  (select id from active order by place limit 1),
  (
    select id from active
    where task ->> 'kind' = 'build' and request -> 'steps' in ('[]', $2::jsonb -> 'steps') and request -> 'select' in ('[]', $2::jsonb -> 'select')
      and request -> 'full_refresh' in ('true', $2::jsonb -> 'full_refresh') and cancel_requested_at is null
    order by place
    limit 1
  ),
  (select count(*) from active where state = 'queued')
