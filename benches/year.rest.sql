-- Ends what `year.sql` begins: what there is little of, and the runs that wait.

set session_replication_role = replica;

-- The first publication of each table and model that is kept has its columns.
with first as (
  select pipeline, name, min(id) as id from icefront.publications group by pipeline, name
)
update icefront.publications as publication
set columns = '[{"name": "id", "data_type": "bigint", "is_key": true}]'
from first
where publication.pipeline = first.pipeline and publication.name = first.name and publication.id = first.id and publication.columns is null;

-- Runs that wait, three behind each that is under way; its statement is at work.
insert into icefront.runs (id, pipeline, state, request, created_at, task, trigger, last_event)
select
  (lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0') || '7000800' || '0' || lpad(to_hex(row_number() over ()), 12, '0'))::uuid, pipeline, 'queued', request,
  now(), task, 'api', 1
from icefront.runs, generate_series(1, 3)
where state = 'running';
insert into icefront.statements (run_id, pipeline, step, attempt, target, sql, state, trino_query_id, progress)
select id, pipeline, 'mart.table_1', 1, format('lake.%s_marts.table_1', pipeline), 'merge into …', 'sent', '20260101_000000_00001_axxxx', '{"cpu_ms": 120, "elapsed_ms": 280}'
from icefront.runs where state = 'running';

insert into icefront.deliveries (receiver, message_id, event, body, in_turn)
select case when n % 2 = 0 then 'webhooks.ops' else 'lineage' end, gen_random_uuid(), 'run.failed', '{}', case when n % 2 = 1 then md5((n / 10)::text)::uuid end
from generate_series(1, 200) as n;

insert into icefront.tables (
  pipeline, name, origin, columns, staged_batch, current_batch, history_batch, catalogue, drift, current_snapshot, history_snapshot, rejects
)
select
  'year_' || p, 'table_' || t, 'public.table_' || t,
  (
    select jsonb_agg(jsonb_build_object('from', column_name, 'kind', 'varchar', 'name', column_name, 'path', null, 'scale', 0,
      'digits', '\A[+-]?[0-9]+(\.[0-9]{0,0}0*)?\z', 'is_key', c = 1, 'data_type', 'varchar', 'description', null, 'is_untracked', false) order by c)
    from generate_series(1, 12) as c, lateral (values (case c when 1 then 'id' else 'column_' || c end)) as named (column_name)
  ),
  last.id, last.id, last.id, '[]',
  case when t = 5 then jsonb_build_array(jsonb_build_object('column', 'column_13', 'change', 'ignored', 'detail', 'a column of the source that is not in the table',
    'run_id', last.run_id)) else '[]' end,
  '730' || t, '731' || t, case when p = 9 and t = 1 then 3 else 0 end
from bench.year
cross join generate_series(1, pipelines) as p
cross join generate_series(1, tables) as t
join lateral (select id, run_id from icefront.batches where batches.pipeline = 'year_' || p order by id desc limit 1) as last on true;

insert into icefront.models (pipeline, name, made_of, columns, snapshot, rows, covered_batch)
select 'year_' || p, 'model_' || m, '{"configuration": {}}', '[]', '732' || m, 1000, last.id
from bench.year
cross join generate_series(1, pipelines) as p
cross join generate_series(1, models) as m
join lateral (select id from icefront.batches where batches.pipeline = 'year_' || p order by id desc limit 1) as last on true;

insert into icefront.builds (pipeline, table_name, layer, fitting, events_per_second)
select pipeline, name, layer, 1000000, 20000 from icefront.tables, unnest(array['log', 'current', 'history']) as layer;

insert into icefront.cursors (pipeline, position, covered_until)
select 'year_' || p, '{"after": 1}', now() from bench.year, generate_series(1, pipelines) as p;
insert into icefront.pipelines (name, schedule, scheduled_until, maintained_until)
select 'year_' || p, '*/5 * * * *', now(), now() from bench.year, generate_series(1, pipelines) as p;
insert into icefront.leases (pipeline, number, holder, expires_at)
select 'year_' || p, nextval('icefront.lease_numbers'), 'bench', '-infinity' from bench.year, generate_series(1, pipelines) as p;
insert into icefront.freshness_seen (name, status, worst)
select pipeline || '.' || name, 'pass', 'warn' from icefront.tables union all select pipeline || '.' || name, 'pass', 'warn' from icefront.models;
insert into icefront.consumers (name, pipeline, of_name, is_model, cursor, publication, moved_at)
select
  'consumer_' || p, 'year_' || p, 'table_1', false, '1', (
    select id
    from icefront.publications
    where publications.pipeline = 'year_' || p and publications.name = 'table_1' and published_at < now() - (p % 10) * interval '1 hour'
    order by id desc
    limit 1
  ),
  now()
from bench.year, generate_series(1, pipelines) as p;
insert into icefront.forgotten_keys (pipeline, source_schema, source_table, key_columns, key_hash, run_id)
select 'year_' || n % pipelines + 1, 'public', 'table_1', '[]', sha256(n::text::bytea), '00000000-0000-0000-0000-000000000000' from bench.year, generate_series(1, 5000) as n;

select format('alter table icefront.%I reset (autovacuum_enabled)', relname)
from pg_class where relnamespace = 'icefront'::regnamespace and relkind = 'r' \gexec
