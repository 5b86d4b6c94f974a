-- Fills a state database as a year leaves it: :runs runs of :pipelines pipelines with :tables tables and :models models each. Every run has a batch
-- and the changes of two tables; runs of the last 60 days also have steps and a refresh. No run waits, so the service has nothing to do.

set session_replication_role = replica;
select setseed(0.5);

create temporary table made as
select
  n,
  'lists_' || n % :pipelines + 1 as pipeline,
  n / :pipelines + 1 as batch_id,
  now() - interval '1 minute' - (:runs - n) * (interval '1 year' / :runs) as created_at,
  (array['schedule', 'schedule', 'schedule', 'poll', 'poll', 'poll', 'poll', 'poll', 'poll', 'api'])[n / :pipelines % 10 + 1] as trigger,
  case when n % 50 = 7 then 'failed' when n % 101 = 3 then 'cancelled' else 'succeeded' end as state,
  case when n % 97 = 0 then 'verify' when n % 499 = 0 then 'rebuild' when n % 9973 = 0 then 'restage' else 'build' end as kind,
  'table_' || n % :tables + 1 as of_table,
  -- A UUIDv7 of that time.
  null::uuid as id
from generate_series(0, :runs - 1) as n;

update made set id = (
  lpad(to_hex((extract(epoch from created_at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15)
)::uuid;

insert into icefront.runs (
  id, pipeline, state, request, attempt, created_at, started_at, finished_at, counts, error, task, lost, last_event, trigger, scheduled_for
)
select
  id, pipeline, state,
  jsonb_build_object('steps', '[]'::jsonb, 'select', '[]'::jsonb, 'exclude', '[]'::jsonb, 'on_failed', 'return', 'if_running', 'queue',
    'full_refresh', false, 'labels',
    case trigger when 'api' then jsonb_build_object('dag_id', 'dag_' || n % 37, 'team', 'team_' || n % 5) else '{}'::jsonb end),
  1, created_at, created_at + interval '20 ms', created_at + interval '3 seconds',
  case when state = 'succeeded' then '{"read": 300, "files": 1, "bytes": 40960, "events": 300, "staged": 300, "rejected": 0, "duplicate": 0, "inserted": 70, "updated": 200, "deleted": 15, "published": 300, "late": 2, "superseded": 8, "unchanged": 4, "versions_opened": 272, "versions_closed": 284}'::jsonb else '{}' end,
  case when state = 'failed' then jsonb_build_object('type', 'urn:icefront:problem:source-unreadable', 'title', 'The source cannot be read',
    'status', 424, 'detail', 'connection `bench` does not answer', 'retryable', false, 'step', 'extract', 'run_id', id) end,
  case when kind in ('verify', 'rebuild', 'restage') then jsonb_build_object('kind', kind, 'table', of_table, 'one_in', 1) else '{"kind": "build"}' end,
  0, 30, trigger, case trigger when 'schedule' then date_trunc('minute', created_at) end
from made
order by n;

insert into icefront.batches (pipeline, id, run_id, state, covered_until, covered_from, events, files, bytes, created_at, landed_at)
select pipeline, batch_id, id, 'landed', created_at, created_at - :pipelines * (interval '1 year' / :runs), 300, 1, 40960, created_at, created_at + interval '1 second'
from made
order by n;

insert into icefront.changes (
  run_id, pipeline, table_name, batch_id, changed_at, inserted, updated, deleted, read, staged, published, late, superseded, unchanged,
  versions_opened, versions_closed
)
select
  id, pipeline, 'table_' || (n / :pipelines * 7 + k) % :tables + 1, batch_id, created_at + interval '2 seconds' + k * interval '50 ms',
  35, 100, 7, 150, 150, 150, 1, 4, 3, 136, 142
from made, generate_series(0, 1) as k
where state = 'succeeded'
order by n, k;

insert into icefront.steps (run_id, name, attempt, state, started_at, finished_at, counts)
select id, step.name, 1, 'succeeded', created_at + at, created_at + at + interval '500 ms', '{"read": 300}'
from made, (values ('extract', interval '0'), ('stage.table_1', '500 ms'), ('mart.table_1', '1 second')) as step (name, at)
where created_at > now() - interval '60 days' and state = 'succeeded'
order by n, at;

insert into icefront.refreshes (
  pipeline, model, run_id, attempt, state, action, reason, scopes, inserted, updated, deleted, started_at, finished_at, covered_batch
)
select
  pipeline, 'model_' || n / :pipelines % :models + 1, id, 1, 'succeeded', 'incremental', 'its inputs changed', 3, 10, 5, 1,
  created_at + interval '2 seconds', created_at + interval '3 seconds', batch_id
from made
where created_at > now() - interval '60 days' and state = 'succeeded'
order by n;

insert into icefront.tables (
  pipeline, name, origin, columns, staged_batch, current_batch, history_batch, catalogue, drift, current_snapshot, history_snapshot
)
select
  'lists_' || p, 'table_' || t, 'public.table_' || t,
  (
    select jsonb_agg(jsonb_build_object('from', column_name, 'kind', 'varchar', 'name', column_name, 'path', null, 'scale', 0,
      'digits', '\A[+-]?[0-9]+(\.[0-9]{0,0}0*)?\z', 'is_key', c = 1, 'data_type', 'varchar', 'description', null, 'is_untracked', false) order by c)
    from generate_series(1, 12) as c, lateral (values (case c when 1 then 'id' else 'column_' || c end)) as named (column_name)
  ),
  last.batch_id, last.batch_id, last.batch_id, '[]',
  case when t % 20 = 0 then jsonb_build_array(jsonb_build_object('column', 'column_13', 'change', 'ignored', 'detail', 'a column of the source that is not in the table', 'run_id', last.id)) else '[]' end,
  '730' || t, '731' || t
from generate_series(1, :pipelines) as p
cross join generate_series(1, :tables) as t
join lateral (select id, batch_id from made where pipeline = 'lists_' || p order by n desc limit 1) as last on true;

insert into icefront.models (pipeline, name, made_of, columns, snapshot, rows, covered_batch)
select 'lists_' || p, 'model_' || m, '{"configuration": {}}', '[]', '732' || m, 1000, last.batch_id
from generate_series(1, :pipelines) as p
cross join generate_series(1, :models) as m
join lateral (select batch_id from made where pipeline = 'lists_' || p order by n desc limit 1) as last on true;

insert into icefront.cursors (pipeline, position, covered_until)
select 'lists_' || p, '{}', now() from generate_series(1, :pipelines) as p;

drop table made;
reset session_replication_role;
vacuum (analyze) icefront.runs, icefront.batches, icefront.changes, icefront.steps, icefront.refreshes, icefront.tables, icefront.models, icefront.cursors;
