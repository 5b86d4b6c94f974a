-- Prints what was measured, and the machine that it was measured on, as JSON: a result a line, so that versions compare well.
with shown as (
  select position,
    json_build_object(
      'name', name,
      'work', work,
      'limit_' || unit, bound,
      unit, round(measured, 3),
      'beside', beside,
      'runs', runs,
      'steps', coalesce((
        select json_agg(json_build_object(
          'step', step.name, 'begins', round(begins, 3), 'seconds', round(seconds, 3), 'counts', counts
        ) order by started_at, step.name)
        from bench.steps as step where run_id = shown_run
      ), '[]'),
      'statements', coalesce((
        select json_agg(json_build_object(
          'step', step, 'statement', statement, 'begins', round(begins, 3), 'seconds', round(seconds, 3),
          'trino_seconds', trino_seconds, 'cpu_seconds', cpu_seconds, 'rows', rows
        ) order by id)
        from bench.statements where run_id = shown_run
      ), '[]')
    ) as result
  from bench.results
)
select format(E'{"machine": %s,\n"results": [\n%s\n]}', :'machine', string_agg(result::text, E',\n' order by position))
from shown;
