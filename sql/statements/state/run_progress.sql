-- Tells how far runs that somebody waits for are, and what they have under way in Trino.
select run.id, run.last_event, run.state,
  (
    select coalesce(jsonb_agg(jsonb_build_object('step', statement.step, 'target', statement.target, 'progress', statement.progress) order by statement.id), '[]')
    from icefront.statements as statement
    where statement.run_id = run.id and statement.attempt = run.attempt and statement.state = 'sent' and statement.progress is not null
  )
from icefront.runs as run
where run.id = any($1)
