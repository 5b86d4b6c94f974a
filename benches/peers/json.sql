-- Prints what both sides needed, and the machine, as JSON: a work a line, so that versions compare well. `measured_on` is null for works of
-- this run.
with shown as (
  select position,
    json_build_object(
      'name', name, 'model', model, 'work', work, 'definition', definition, 'ratio', round(ratio, 3),
      'dbt', json_build_object('seconds', round(dbt, 3), 'said_seconds', round(dbt_said, 3),
        'trino_cpu_seconds', round(dbt_trino_cpu, 3), 'own_cpu_seconds', round(dbt_own_cpu, 3)),
      'icefront', json_build_object('seconds', round(icefront, 3), 'said_seconds', round(icefront_said, 3),
        'trino_cpu_seconds', round(icefront_trino_cpu, 3), 'own_cpu_seconds', round(icefront_own_cpu, 3)),
      'turns', (
        select json_agg(json_build_object(
          'turn', turn, 'side', side, 'was_first', was_first, 'seconds', seconds, 'said_seconds', said_seconds,
          'trino_cpu_seconds', trino_cpu, 'own_cpu_seconds', own_cpu
        ) order by turn, side)
        from bench.turns as turn where turn.work = pairs.name
      ),
      'measured_on', machine
    ) as result
  from bench.pairs
)
select format(E'{"machine": %s,\n"results": [\n%s\n]}', :'machine', string_agg(result::text, E',\n' order by position))
from shown;
