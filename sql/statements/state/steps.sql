-- Steps: the parts of a run, a row for each attempt.
-- `src/state/steps.rs` and `src/state/closed_steps.rs` take each statement by its name: the line `-- name: …` above it.

-- name: begin_step
-- Begins an attempt of a step.
insert into icefront.steps (run_id, name, attempt, state) values ($1, $2, $3, 'running')
on conflict (run_id, name, attempt) do update
set state = 'running', started_at = clock_timestamp(), finished_at = null, error = null
returning started_at

-- name: finish_step
-- Ends an attempt of a step. A step that succeeds for the first time shows that this run does not kill its service, so
-- the count of lost attempts starts again.
with ended as (
  update icefront.steps set state = $4, counts = $5, error = $6, finished_at = clock_timestamp()
  where run_id = $1 and name = $2 and attempt = $3
  returning finished_at
),
shown as (
  update icefront.runs set lost = 0
  where id = $1 and attempt = $3 and lost > 0 and $4 = 'succeeded'
    and not exists (
      select from icefront.steps where run_id = $1 and name = $2 and attempt < $3 and state = 'succeeded'
    )
)
select finished_at from ended

-- name: close_steps
-- Ends the steps that attempts before $2 left open.
update icefront.steps
set state = 'failed', finished_at = clock_timestamp(), error = $3
where run_id = $1 and attempt < $2 and state = 'running'
returning name, attempt, finished_at

-- name: has_succeeded
-- Says whether a step of a run has succeeded in any attempt.
select exists (
  select from icefront.steps where run_id = $1 and name = $2 and state = 'succeeded'
) as has_succeeded

-- name: list_steps
-- Lists the steps of a run, each in its last attempt, in the order in which they first began; after step $3, which began at $2.
with last as (
  select distinct on (name)
    name, attempt, state, started_at, finished_at, counts, error, min(started_at) over (partition by name) as began_at
  from icefront.steps
  where run_id = $1
  order by name, attempt desc
)
select name, attempt, state, started_at, finished_at, counts, error, began_at
from last
where ($2::timestamptz is null or (began_at, name) > ($2, $3::text))
  and ($4::text[] is null or state = any($4)) and ($5::text is null or name = $5)
order by began_at, name
limit $6
