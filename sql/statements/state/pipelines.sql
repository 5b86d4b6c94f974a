-- Pipelines: paused or not, and how far their schedules are kept.
-- `src/state/pipelines.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: read_pipeline
-- Reads what is known of a pipeline.
select is_paused, schedule, scheduled_until from icefront.pipelines where name = $1

-- name: list_pipelines
-- Reads what is known of all pipelines.
select name, is_paused, schedule, scheduled_until from icefront.pipelines

-- name: pause_pipeline
-- Notes whether nothing starts runs of a pipeline by itself. A schedule goes on with the times after a resume.
insert into icefront.pipelines (name, is_paused) values ($1, $2)
on conflict (name) do update
set is_paused = excluded.is_paused,
  scheduled_until = case when pipelines.schedule is not null then clock_timestamp() end
where pipelines.is_paused <> excluded.is_paused

-- name: begin_schedule
-- Notes a schedule that is new, or another one than before. Its times count from now on.
insert into icefront.pipelines (name, schedule, scheduled_until) values ($1, $2, clock_timestamp())
on conflict (name) do update set schedule = excluded.schedule, scheduled_until = excluded.scheduled_until
where pipelines.schedule is distinct from excluded.schedule

-- name: keep_schedule
-- Notes that the run of a schedule's time $3 is accepted, unless another service did so. The clock of this server may be late.
update icefront.pipelines set scheduled_until = greatest(clock_timestamp(), $3) where name = $1 and scheduled_until = $2

-- name: usual_duration
-- Finds how long nine of ten of the last runs took, in seconds; null without a run.
select percentile_cont(0.9) within group (order by extract(epoch from finished_at - started_at)::float8) as seconds
from (
  select started_at, finished_at
  from icefront.runs
  where pipeline = $1 and state = 'succeeded' and task ->> 'kind' = 'build'
  order by id desc
  limit 20
) as last
