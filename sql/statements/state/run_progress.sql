-- How far runs are, and what happened to them.
-- `src/state/run_progress.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: run_progress
-- Reads the progress of the runs that callers wait for, and the statements that Trino works on for them.
select
  run.id as run, run.last_event, run.state,
  (
    select coalesce(
      jsonb_agg(
        jsonb_build_object('step', statement.step, 'trino_table', statement.target, 'progress',
          statement.progress - array['cpu_ms', 'elapsed_ms'] || jsonb_build_object(
            'cpu_seconds', (statement.progress ->> 'cpu_ms')::float8 / 1000,
            'elapsed_seconds', (statement.progress ->> 'elapsed_ms')::float8 / 1000
          ))
        order by statement.id
      ),
      '[]'
    )
    from icefront.statements as statement
    where statement.run_id = run.id and statement.attempt = run.attempt
      and statement.state = 'sent' and statement.progress is not null
  ) as statements
from icefront.runs as run
where run.id = any($1)

-- name: run_events
-- Lists what happened to a run after event number $2.
select number, told_at as at, name, data
from icefront.run_events
where run_id = $1 and number > $2
order by number
limit $3
