-- Prints what was measured in Markdown: against its limits, then statement by statement, then what it depends on.
with shown as (
  select *,
    case unit when 'seconds' then ' s' when 'ratio' then ' ×' when 'mib' then ' MiB' when 'kib' then ' KiB' when 'ms' then ' ms' else '' end as mark,
    case when unit in ('mib', 'kib', 'files', 'rows', 'polls') then 0 when unit = 'ms' then 1 else 2 end as digits,
    case when unit = 'polls' then measured < bound else measured > bound end as is_over
  from bench.results
),
lines as (
  select position,
    work,
    coalesce(case when unit = 'polls' then '≥ ' else '≤ ' end || trim_scale(bound) || mark, '') as bound,
    format(case when is_over then '**%s**' else '%s' end, round(measured, digits) || mark) as measured,
    concat_ws('; ',
      nullif(beside, ''),
      case when cardinality(runs) > 1 and cardinality(runs) <= 10
        then 'of ' || (select string_agg(round(run, digits)::text, ', ' order by n) from unnest(runs) with ordinality as r (run, n)) end,
      (select string_agg(name || ' ' || round(seconds, 2), ', ' order by started_at, name) from bench.steps where run_id = shown_run)
    ) as beside
  from shown
)
select line from (
  select 1 as part, 0 as position, row_number() over () as id, line
  from unnest(array[
    '# What it costs',
    '',
    'Written by `make bench`. Times of runs are a caller''s, from acceptance to end; of several runs it is the median. What misses its limit is bold.',
    '',
    '| work | limit | measured | beside it |',
    '|---|---|---|---|'
  ]) as line
  union all select 1, position, 0, format('| %s | %s | %s | %s |', work, bound, measured, beside) from lines
  union all
  select 2, 0, row_number() over (), line
  from unnest(array[
    '',
    '## Statement by statement',
    '',
    'What wrote to Iceberg in the run with the median, in seconds; `at` counts from the acceptance of the run.',
    '',
    '| work | step | statement | at | took | in Trino | its CPU | rows |',
    '|---|---|---|---|---|---|---|---|'
  ]) as line
  union all
  select 2, result.position, statement.id,
    format('| %s | %s | `%s` | %s | %s | %s | %s | %s |', name, step, statement, round(begins, 2), round(seconds, 2),
      round(trino_seconds, 2), round(cpu_seconds, 2), rows)
  from bench.results as result
  join bench.statements as statement on statement.run_id = result.shown_run
  union all
  select 3, 0, 0, format(
    E'\n%s; %s cores, %s of memory; Postgres %s and Trino %s with a heap of %s on the same machine; icefront %s; load %s before.',
    m ->> 'date', m ->> 'cores', m ->> 'memory', m ->> 'postgres', m ->> 'trino', m ->> 'trino_heap', m ->> 'icefront', m ->> 'load_before'
  )
  from (select :'machine'::jsonb as m) as machine
) as all_lines
order by part, position, id;
