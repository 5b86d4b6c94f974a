-- Makes room for what both sides needed, turn by turn.
create table bench.works (
  position int generated always as identity,
  name text primary key,
  definition text not null,
  -- What the model is that it makes; null if it makes tables.
  model text,
  work text not null,
  -- Where and when it was measured; null if that is this run.
  machine jsonb,
  measurement text not null generated always as (
    case when model is not null then 'models' when name like 'small%' then 'small' else 'large' end
  ) stored
);

create table bench.turns (
  work text not null references bench.works,
  turn int not null,
  side text not null check (side in ('dbt', 'icefront')),
  was_first boolean not null,
  -- From the caller's order to the end.
  seconds numeric not null,
  -- What the side itself says that it took: dbt without its start, the service from the acceptance of a run.
  said_seconds numeric not null,
  -- Processor time, user and system.
  trino_cpu numeric not null,
  own_cpu numeric not null,
  primary key (work, turn, side)
);

create view bench.medians as
select work, side,
  count(*) as turns,
  percentile_cont(0.5) within group (order by seconds)::numeric as seconds,
  percentile_cont(0.5) within group (order by said_seconds)::numeric as said_seconds,
  percentile_cont(0.5) within group (order by trino_cpu)::numeric as trino_cpu,
  percentile_cont(0.5) within group (order by own_cpu)::numeric as own_cpu,
  min(seconds) as fastest,
  max(seconds) as slowest
from bench.turns
group by work, side;

create view bench.pairs as
select work.position, work.name, work.measurement, work.definition, work.model, work.work, work.machine, dbt.turns,
  dbt.seconds as dbt, icefront.seconds as icefront, dbt.seconds / icefront.seconds as ratio,
  dbt.said_seconds as dbt_said, icefront.said_seconds as icefront_said,
  dbt.trino_cpu as dbt_trino_cpu, icefront.trino_cpu as icefront_trino_cpu,
  dbt.own_cpu as dbt_own_cpu, icefront.own_cpu as icefront_own_cpu
from bench.works as work
join bench.medians as dbt on dbt.work = work.name and dbt.side = 'dbt'
join bench.medians as icefront on icefront.work = work.name and icefront.side = 'icefront';
