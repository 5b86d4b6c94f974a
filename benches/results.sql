-- Makes room for what is measured, beside the service's own record of runs, steps and statements.
create schema bench;

create table bench.results (
  position int generated always as identity,
  name text primary key,
  work text not null,
  unit text not null check (unit in ('seconds', 'ratio', 'mib', 'kib', 'ms', 'files', 'rows', 'polls')),
  -- At most, or at least where the unit is polls; nothing for what is there to compare with.
  bound numeric,
  measured numeric not null,
  beside text not null,
  runs numeric[] not null,
  -- The run whose steps and statements are shown.
  shown_run uuid
);

-- A caller's time: from the acceptance of a run to its end.
create view bench.runs as
select id, created_at, extract(epoch from finished_at - created_at)::numeric as seconds
from icefront.runs;

create view bench.steps as
select step.run_id, step.name, step.started_at, step.counts,
  extract(epoch from step.started_at - run.created_at)::numeric as begins,
  extract(epoch from step.finished_at - step.started_at)::numeric as seconds
from icefront.steps as step
join bench.runs as run on run.id = step.run_id;

-- The service notes what writes; the time between is spent on queries, on its state, and on Postgres.
create view bench.statements as
select statement.id, statement.run_id, statement.step,
  -- The procedure that it executes or the first word behind the comments, and layer and table without what is this pipeline's alone.
  coalesce(
    substring(statement.sql from '\mexecute (\w+)'),
    substring(regexp_replace(statement.sql, '^\s*--.*$', '', 'ng') from '^\s*(create \w+|\w+)')
  ) || ' ' || regexp_replace(regexp_replace(statement.target, '^.*_(staging|marts)\.', '\1.'), '^.*_events$', 'landing') as statement,
  extract(epoch from statement.started_at - run.created_at)::numeric as begins,
  extract(epoch from statement.finished_at - statement.started_at)::numeric as seconds,
  round((statement.progress ->> 'elapsed_ms')::numeric / 1000, 3) as trino_seconds,
  round((statement.progress ->> 'cpu_ms')::numeric / 1000, 3) as cpu_seconds,
  statement.update_count as rows
from icefront.statements as statement
join bench.runs as run on run.id = statement.run_id;

-- When the events of a steady rate were appended: the last of each transaction, and the time before the transaction, in seconds since 1970.
create table bench.appended (last_event bigint primary key, began numeric not null);

-- How long it took from there until Trino had committed the run's `merge` into the current rows; null while that is still to come.
create view bench.latencies as
select appended.last_event, batches.run_id, extract(epoch from merges.finished_at)::numeric - appended.began as seconds
from bench.appended
left join lateral (
  select holds.pipeline, holds.batch_id
  from icefront.batch_events as holds
  where holds.pipeline like '%\_latency\_1' and holds.source_table = 'orders' and holds.last_event >= appended.last_event
  order by holds.batch_id
  limit 1
) as first on true
left join icefront.batches on batches.pipeline = first.pipeline and batches.id = first.batch_id
left join lateral (
  select max(statement.finished_at) as finished_at
  from icefront.statements as statement
  where statement.run_id = batches.run_id and statement.target like '%\_marts.orders' and statement.state = 'succeeded'
) as merges on true;
