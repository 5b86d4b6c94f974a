-- Prints what both sides needed in Markdown: the medians, every turn, and what they depend on.
with shown as (
  select model, position,
    format('| %s | %s (%s) | %s | %s × (%s ×) | %s | %s | %s | %s |', concat_ws(' | ', model, work), round(dbt, 2), round(dbt_said, 2), round(icefront, 2),
      round(ratio, 2), round(dbt_said / icefront, 2),
      round(dbt_trino_cpu, 2), round(icefront_trino_cpu, 2), round(dbt_own_cpu, 2), round(icefront_own_cpu, 2)) as line
  from bench.pairs
),
-- The measurements that were made together.
machines as (
  select coalesce(machine, :'machine'::jsonb) as m, min(position) as position, string_agg(distinct measurement, ', ' order by measurement) as measurements,
    count(*) over () as machines
  from bench.pairs
  group by 1
)
select line from (
  select 1 as part, 0 as position, row_number() over () as id, line
  from unnest(array[
    '# Beside dbt',
    '',
    'Written by `make bench-peers`, after it compared the tables of both sides row by row. All numbers are medians; times are seconds.',
    'The times are a caller''s. Each `dbt run` starts a program; in brackets is dbt''s own time, which begins after that start.'
  ]) as line
  union all
  select 2, 0, row_number() over (), line
  from unnest(array[
    '',
    '## Tables',
    '',
    'dbt-trino reads events that are landed already. Icefront''s time includes their extraction from Postgres.',
    'The processor time of Postgres is not counted. Only Icefront reads events from it.',
    '',
    '| work | dbt-trino | Icefront | dbt-trino / Icefront | processor time of Trino for dbt-trino | … for Icefront | processor time of dbt | … of Icefront |',
    '|---|---|---|---|---|---|---|---|'
  ]) as line
  where exists (select from shown where model is null)
  union all
  select 2, position, 0, line from shown where model is null
  union all
  select 3, 0, row_number() over (), line
  from unnest(array[
    '',
    '## Models',
    '',
    'Incremental models of the same SQL. Both sides read the tables that Icefront published before; no time includes that.',
    'The merge logic of dbt-trino is written by hand, in `dbt_models`. Icefront has none.',
    '',
    '| model | what | dbt-trino | Icefront | dbt-trino / Icefront | processor time of Trino for dbt-trino | … for Icefront | processor time of dbt | … of Icefront |',
    '|---|---|---|---|---|---|---|---|---|'
  ]) as line
  where exists (select from shown where model is not null)
  union all
  select 3, position, 0, line from shown where model is not null
  union all
  select 4, 0, row_number() over (), line
  from unnest(array[
    '',
    '## Turn by turn',
    '',
    'Who was first changes with every turn.',
    '',
    '| work | turn | first | dbt-trino | Icefront | ratio |',
    '|---|---|---|---|---|---|'
  ]) as line
  union all
  select 4, work.position, dbt.turn,
    format('| %s | %s | %s | %s | %s | %s |', concat_ws(', ', work.model, work.work), dbt.turn, case when dbt.was_first then 'dbt-trino' else 'Icefront' end,
      round(dbt.seconds, 2), round(icefront.seconds, 2), round(dbt.seconds / icefront.seconds, 2))
  from bench.works as work
  join bench.turns as dbt on dbt.work = work.name and dbt.side = 'dbt'
  join bench.turns as icefront on icefront.work = work.name and icefront.side = 'icefront' and icefront.turn = dbt.turn
  union all
  select 5, position, 0, format(
    E'\n%s%s; %s cores, %s of memory; Postgres %s and Trino %s with a heap of %s on the same machine; icefront %s; dbt-core %s and dbt-trino %s with %s threads, Python %s; load %s before.',
    case when machines > 1 then measurements || ': ' end,
    m ->> 'date', m ->> 'cores', m ->> 'memory', m ->> 'postgres', m ->> 'trino', m ->> 'trino_heap', m ->> 'icefront',
    m ->> 'dbt_core', m ->> 'dbt_trino', m ->> 'dbt_threads', m ->> 'python', m ->> 'load_before'
  )
  from machines
) as all_lines
order by part, position, id;
