-- Calls the statements of the service that are hot, as the service would, over a state database that a year has filled, and keeps how long they took.
-- `bench.statements` has their text. A call's parameters are expressions by number; those that are not named are null.
--
-- Calls of kind `maintenance` and `rare` have no limit: once a day a pipeline's old rows are deleted, and now and then somebody asks for a plan,
-- for what is left over of all pipelines, or for pages of 1,000.

create table bench.calls (
  position integer generated always as identity primary key,
  kind text not null,
  -- Whether it has no more than 20 ms.
  is_bound boolean not null generated always as (kind not in ('rare', 'maintenance')) stored,
  call text not null,
  statement text not null,
  parameters text not null default '',
  rows bigint,
  -- The median and the first, planning included; the processor's part of the median, where the system tells it; what scans read for it; pages of
  -- 8 KiB that were looked at.
  ms numeric,
  processor_ms numeric,
  first_ms numeric,
  rows_read bigint,
  pages bigint,
  worst text,
  -- Large tables that are read as a whole.
  scanned text
);

-- A run of an hour ago, one of two months ago, the newest.
create table bench.picks as
select
  (select id from icefront.runs where pipeline = 'year_7' and state = 'succeeded' and task ->> 'kind' = 'build' and created_at < now() - interval '1 hour' order by id desc limit 1) as run,
  (select id from icefront.runs where pipeline = 'year_7' and created_at < now() - interval '60 days' order by id desc limit 1) as old_run,
  (select id from icefront.runs where state = 'running' and pipeline = 'year_50') as running,
  (select max(id) from icefront.batches where pipeline = 'year_7') as batch,
  (select max(id) from icefront.refreshes where pipeline = 'year_7' and model = 'model_2') as refresh,
  (select max(id) from icefront.publications where pipeline = 'year_7' and name = 'table_2' and published_at < now() - interval '1 hour') as publication,
  (select moved_at from icefront.cursors where pipeline = 'year_7') as moved_at,
  (select array_agg(pipeline || '/' || name order by pipeline, name) from icefront.tables where substr(pipeline, 6)::int <= 10) as tables,
  (select array_agg(pipeline || '/' || name order by pipeline, name) from icefront.models where substr(pipeline, 6)::int <= 10) as models,
  (select array_agg(pipeline || '/' || name order by pipeline, name) from icefront.tables) as all_tables,
  (select array_agg(pipeline || '/' || name order by pipeline, name) from icefront.models) as all_models,
  (select array_agg('year_' || p order by p) from generate_series(1, 10) as p) as pipelines,
  (select array_agg(name order by name) from icefront.pipelines) as all_pipelines,
  (select array_agg(path) from (select path from icefront.files where pipeline = 'year_5' order by id desc limit 1000) as listed) as paths,
  (select array_agg(run_id) from (select id as run_id from icefront.runs order by id desc limit 100) as newest) as runs;

-- Column n of pairs `pipeline/name`.
create function bench.part(text[], integer) returns text[] language sql as $$
  select array_agg(split_part(pair, '/', $2) order by place) from unnest($1) with ordinality as pairs (pair, place)
$$;

-- The processor time of this session, in nanoseconds: it does not grow while others have the processor. Linux tells it to superusers.
create function bench.processor() returns bigint language plpgsql as $$
begin
  return split_part(pg_read_file('/proc/self/schedstat'), ' ', 1);
exception when others then
  return null;
end
$$;

-- Runs a call five times behind a first one, without what it changes. Clocks around each node of a plan cost more than some nodes do, so only a
-- last time has them.
create function bench.measure(bench.calls) returns void language plpgsql as $measure$
declare
  body text := (select text from bench.statements where name = $1.statement);
  places integer := coalesce((select max(parameter[1]::integer) from regexp_matches(body, '\$(\d+)', 'g') as parameter), 0);
  arguments text[] := array_fill('null'::text, array[places]);
  pair text;
  given text;
  explained json;
  plans json[] := '{}';
  before bigint;
  used numeric[] := '{}';
  again integer;
begin
  if body is null then
    raise exception 'there is no statement %', $1.statement;
  end if;
  foreach pair in array regexp_split_to_array($1.parameters, ' \| ') loop
    continue when pair = '';
    execute format('select (%s)::text from bench.picks', substring(pair from '^\d+: (.*)$')) into given;
    arguments[substring(pair from '^\d+')::integer] := quote_nullable(given);
  end loop;
  execute 'prepare measured as ' || body;
  for again in 0..6 loop
    before := bench.processor();
    begin
      execute format('explain (analyze, buffers, format json, timing %s) execute measured', case when again = 6 then 'on' else 'off' end) || case when places > 0 then format('(%s)', array_to_string(arguments, ', ')) else '' end into explained;
      raise exception using errcode = 'YEAR1';
    exception when sqlstate 'YEAR1' then
      plans := plans || (explained -> 0);
    end;
    used := used || (bench.processor() - before) / 1e6;
  end loop;
  deallocate measured;
  with recursive nodes as (
    select plans[7] -> 'Plan' as node
    union all
    select child from nodes, json_array_elements(case when node -> 'Plans' is not null then node -> 'Plans' else '[]' end) as child
  ),
  read as (
    select
      node ->> 'Node Type' as type, node ->> 'Relation Name' as relation, node ->> 'Index Name' as index, (node ->> 'Actual Loops')::numeric as loops,
      round((node ->> 'Actual Loops')::numeric * ((node ->> 'Actual Rows')::numeric + coalesce((node ->> 'Rows Removed by Filter')::numeric, 0)
        + coalesce((node ->> 'Rows Removed by Index Recheck')::numeric, 0))) as rows,
      (node ->> 'Actual Loops')::numeric * ((node ->> 'Actual Total Time')::numeric - coalesce((
        select sum((child ->> 'Actual Total Time')::numeric * (child ->> 'Actual Loops')::numeric)
        from json_array_elements(case when node -> 'Plans' is not null then node -> 'Plans' else '[]' end) as child
      ) / nullif((node ->> 'Actual Loops')::numeric, 0), 0)) as ms
    from nodes
  )
  update bench.calls
  set rows = (plans[7] -> 'Plan' ->> 'Actual Rows')::numeric,
    ms = (select percentile_cont(0.5) within group (order by (plan ->> 'Execution Time')::float8 + (plan ->> 'Planning Time')::float8) from unnest(plans[2:6]) as plan),
    processor_ms = (select percentile_cont(0.5) within group (order by one::float8) from unnest(used[2:6]) as one),
    first_ms = (plans[1] ->> 'Execution Time')::numeric + (plans[1] ->> 'Planning Time')::numeric,
    rows_read = (select coalesce(sum(read.rows), 0) from read where relation is not null and type <> 'ModifyTable' or index is not null),
    pages = (plans[7] -> 'Plan' ->> 'Shared Hit Blocks')::bigint + (plans[7] -> 'Plan' ->> 'Shared Read Blocks')::bigint,
    worst = (select format('%s%s: %s ms, %s rows', type, ' ' || coalesce(index, relation), round(read.ms, 1), read.rows) from read where loops > 0 order by read.ms desc limit 1),
    scanned = (
      select string_agg(distinct relation, ', ')
      from read
      join pg_class on relname = relation and relnamespace = 'icefront'::regnamespace
      where type = 'Seq Scan' and loops > 0 and reltuples > 20000
    )
  where position = $1.position;
end
$measure$;

insert into bench.calls (kind, call, statement, parameters) values
  ('list', 'runs', 'runs::list_runs', $$12: 101$$),
  ('list', 'runs of a pipeline', 'runs::list_runs', $$1: 'year_7' | 12: 101$$),
  ('list', 'runs, 1,000', 'runs::list_runs', $$12: 1001$$),
  ('list', 'runs of some pipelines', 'runs::list_runs', $$12: 101 | 13: pipelines[1:5]$$),
  ('list', 'runs of one of them', 'runs::list_runs', $$12: 101 | 13: pipelines[7:7]$$),
  ('list', 'runs by state', 'runs::list_runs', $$2: '{failed,cancelled}' | 12: 101$$),
  ('list', 'runs by state, few', 'runs::list_runs', $$2: '{queued,running}' | 12: 101$$),
  ('list', 'runs of a pipeline by state', 'runs::list_runs', $$1: 'year_7' | 2: '{failed}' | 12: 101$$),
  ('list', 'runs of a pipeline by state, none', 'runs::list_runs', $$1: 'year_7' | 2: '{queued,running}' | 12: 101$$),
  ('list', 'runs of some pipelines by state', 'runs::list_runs', $$2: '{failed}' | 12: 101 | 13: pipelines[1:5]$$),
  ('list', 'runs by trigger', 'runs::list_runs', $$5: '{api}' | 12: 101$$),
  ('list', 'runs by trigger, none', 'runs::list_runs', $$5: '{target_lag}' | 12: 101$$),
  ('list', 'runs of a pipeline by trigger', 'runs::list_runs', $$1: 'year_7' | 5: '{api}' | 12: 101$$),
  ('list', 'runs of a pipeline by trigger, none', 'runs::list_runs', $$1: 'year_7' | 5: '{target_lag}' | 12: 101$$),
  ('list', 'runs by kind', 'runs::list_runs', $$6: '{verify}' | 12: 101$$),
  ('list', 'runs by kind, few', 'runs::list_runs', $$6: '{restage}' | 12: 101$$),
  ('list', 'runs by kind, none', 'runs::list_runs', $$6: '{forget}' | 12: 101$$),
  ('list', 'runs of a pipeline by kind', 'runs::list_runs', $$1: 'year_7' | 6: '{maintenance}' | 12: 101$$),
  ('list', 'runs of a pipeline by kind, none', 'runs::list_runs', $$1: 'year_7' | 6: '{forget,reset}' | 12: 101$$),
  ('list', 'runs by kind and state', 'runs::list_runs', $$2: '{cancelled}' | 6: '{verify}' | 12: 101$$),
  ('list', 'runs by kind and state, none', 'runs::list_runs', $$2: '{queued}' | 6: '{verify}' | 12: 101$$),
  ('list', 'runs by trigger and state', 'runs::list_runs', $$2: '{failed}' | 5: '{api}' | 12: 101$$),
  ('list', 'runs by trigger of a pipeline that has none', 'runs::list_runs', $$1: 'year_3' | 5: '{api}' | 12: 101$$),
  ('list', 'runs by kind of a pipeline that has none', 'runs::list_runs', $$1: 'year_3' | 6: '{verify}' | 12: 101$$),
  ('list', 'runs by state of a pipeline that has none', 'runs::list_runs', $$1: 'year_3' | 2: '{failed}' | 12: 101$$),
  ('list', 'runs by label of a pipeline that has none', 'runs::list_runs', $$1: 'year_3' | 11: '{"team": "team_3"}' | 12: 101$$),
  ('list', 'runs of a pipeline by kind and state, none', 'runs::list_runs', $$1: 'year_7' | 2: '{failed}' | 6: '{restage}' | 12: 101$$),
  ('list', 'runs of a pipeline by trigger and state', 'runs::list_runs', $$1: 'year_7' | 2: '{failed}' | 5: '{api}' | 12: 101$$),
  ('list', 'runs of a table', 'runs::list_runs', $$1: 'year_7' | 7: 'table_3' | 12: 101$$),
  ('list', 'runs of a model, none', 'runs::list_runs', $$1: 'year_7' | 8: 'model_1' | 12: 101$$),
  ('list', 'runs by label', 'runs::list_runs', $$11: '{"team": "team_3"}' | 12: 101$$),
  ('list', 'runs by labels', 'runs::list_runs', $$11: '{"team": "team_3", "dag_id": "dag_4"}' | 12: 101$$),
  ('list', 'runs of a pipeline by label', 'runs::list_runs', $$1: 'year_7' | 11: '{"team": "team_3"}' | 12: 101$$),
  ('list', 'runs by label, none', 'runs::list_runs', $$11: '{"team": "nobody"}' | 12: 101$$),
  ('list', 'runs of some days', 'runs::list_runs', $$3: old_run | 4: '00000000-0000-0000-0000-000000000000' | 9: now() - interval '62 days' | 10: now() - interval '60 days' | 12: 101$$),
  ('list', 'runs of a pipeline and some days by state', 'runs::list_runs', $$1: 'year_7' | 2: '{failed}' | 3: old_run | 9: now() - interval '62 days' | 10: now() - interval '60 days' | 12: 101$$),
  ('list', 'runs, a deep page', 'runs::list_runs', $$3: old_run | 12: 101$$),
  ('list', 'runs of a pipeline, a deep page', 'runs::list_runs', $$1: 'year_7' | 3: old_run | 12: 101$$),
  ('list', 'the last run of a pipeline', 'runs::list_runs', $$1: 'year_7' | 6: '{build,rebuild,restage,resync,reset,forget,verify,test,verify_model,replay,dismiss,delete,delete_model}' | 12: 1$$),
  ('list', 'a run', 'runs::read_run', $$1: run$$),
  ('list', 'the pipeline of a run', 'runs::pipeline_of_run', $$1: run$$),
  ('list', 'last runs of all pipelines', 'runs::runs_of_pipelines', $$1: all_pipelines$$),
  ('list', 'steps of a run', 'steps::list_steps', $$1: run | 6: 101$$),
  ('list', 'events of a run', 'run_progress::run_events', $$1: run | 2: 0 | 3: 1000$$),
  ('list', 'statements of a run', 'statements::list_statements', $$1: run | 2: '{extract,stage.table_1,stage.table_2}'$$),
  ('list', 'SQL of a step', 'statements::list_sql', $$1: run | 2: 'extract' | 4: 101 | 5: 1000000$$),
  ('list', 'tests of a run', 'test_results::list_tests', $$1: run | 7: 101$$),
  ('list', 'refreshes of a model', 'refreshes::list_refreshes', $$1: 'year_7' | 2: 'model_2' | 4: 101$$),
  ('list', 'refreshes by state', 'refreshes::list_refreshes', $$1: 'year_7' | 2: 'model_2' | 4: 101 | 5: '{failed}'$$),
  ('list', 'refreshes by state, none', 'refreshes::list_refreshes', $$1: 'year_7' | 2: 'model_2' | 4: 101 | 5: '{upstream_failed}'$$),
  ('list', 'refreshes by action', 'refreshes::list_refreshes', $$1: 'year_7' | 2: 'model_2' | 4: 101 | 6: '{full}'$$),
  ('list', 'refreshes by action, none', 'refreshes::list_refreshes', $$1: 'year_7' | 2: 'model_2' | 4: 101 | 6: '{time}'$$),
  ('list', 'refreshes by trigger', 'refreshes::list_refreshes', $$1: 'year_7' | 2: 'model_2' | 4: 101 | 7: '{api}'$$),
  ('list', 'refreshes by trigger, none', 'refreshes::list_refreshes', $$1: 'year_7' | 2: 'model_2' | 4: 101 | 7: '{target_lag}'$$),
  ('list', 'refreshes of a run', 'refreshes::list_refreshes', $$1: 'year_7' | 2: 'model_2' | 4: 101 | 8: run$$),
  ('list', 'refreshes of some days', 'refreshes::list_refreshes', $$1: 'year_7' | 2: 'model_2' | 4: 101 | 9: now() - interval '62 days' | 10: now() - interval '60 days'$$),
  ('list', 'refreshes of a time without runs', 'refreshes::list_refreshes', $$1: 'year_7' | 2: 'model_2' | 4: 101 | 9: now() - interval '300 days' | 10: now() - interval '200 days'$$),
  ('list', 'refreshes, the last page', 'refreshes::list_refreshes', $$1: 'year_7' | 2: 'model_2' | 3: (select id from icefront.refreshes where pipeline = 'year_7' and model = 'model_2' and finished_at < now() - interval '90 days' order by id desc limit 1) | 4: 101$$),
  ('list', 'files', 'files::list_files', $$1: 'year_5' | 5: 101$$),
  ('list', 'files of a table', 'files::list_files', $$1: 'year_5' | 3: 'table_3' | 5: 101$$),
  ('list', 'files by state', 'files::list_files', $$1: 'year_5' | 2: '{unreadable}' | 5: 101$$),
  ('list', 'files by state, none', 'files::list_files', $$1: 'year_5' | 2: '{changed}' | 5: 101$$),
  ('list', 'files of a table by state, none', 'files::list_files', $$1: 'year_5' | 2: '{changed}' | 3: 'table_3' | 5: 101$$),
  ('list', 'files of a batch', 'files::list_files', $$1: 'year_5' | 5: 101 | 6: batch - 1000$$),
  ('list', 'files, a deep page', 'files::list_files', $$1: 'year_5' | 4: (select min(id) + (max(id) - min(id)) / 5 from icefront.files where pipeline = 'year_5') | 5: 101$$),
  ('list', 'deliveries', 'outbox::list_deliveries', $$1: 'webhooks.ops' | 4: 101$$),
  ('list', 'deliveries by state', 'outbox::list_deliveries', $$1: 'webhooks.ops' | 2: '{failed}' | 4: 101$$),
  ('list', 'consumers', 'consumers::list_consumers', $$5: 101$$),
  ('list', 'publications, the newest', 'publications::newest_publication', $$1: 'year_7' | 2: 'table_2'$$),
  ('list', 'publications, one', 'publications::find_publication', $$1: 'year_7' | 2: 'table_2' | 3: publication$$),
  ('list', 'publications, the next', 'publications::next_publication', $$1: 'year_7' | 2: 'table_2' | 3: publication$$),
  ('list', 'publications of an hour: only of batches', 'publications::changed_by_batches', $$1: 'year_7' | 2: 'table_2' | 3: publication$$),
  ('list', 'publications of 90 days: only of batches', 'publications::changed_by_batches', $$1: 'year_7' | 2: 'table_2' | 3: 0$$),
  ('list', 'leftovers: what is held', 'leftovers::list_held', ''),
  ('list', 'leftovers: written tables of a pipeline', 'leftovers::written_tables', $$1: '{year_7}'$$),
  ('list', 'leftovers: publications', 'leftovers::last_publications', $$1: bench.part(all_tables, 1) | 2: bench.part(all_tables, 2)$$),
  ('rare', 'leftovers: written tables of all pipelines', 'leftovers::written_tables', $$1: all_pipelines$$),
  ('poll', 'pipelines that wait', 'runs::waiting_pipelines', ''),
  ('poll', 'the next run', 'runs::claim_run', $$1: 'year_50' | 2: true$$),
  ('poll', 'the next run, none', 'runs::claim_run', $$1: 'year_7' | 2: true$$),
  ('poll', 'the lease', 'lease::try_lease', $$1: 'year_7' | 2: 'bench' | 3: 30$$),
  ('poll', 'the lease, held on', 'lease::renew_lease', $$1: (select number from icefront.leases where pipeline = 'year_50') | 2: 30$$),
  ('poll', 'runs that callers wait for', 'run_progress::run_progress', $$1: runs$$),
  ('poll', 'new events of a run', 'run_progress::run_events', $$1: running | 2: 1 | 3: 1000$$),
  ('poll', 'cursors of sources', 'cursors::read_cursors', $$1: all_pipelines$$),
  ('poll', 'a poll that finds nothing', 'cursors::record_empty_poll', $$1: 'year_7' | 2: moved_at | 3: now() | 4: '{}'$$),
  ('poll', 'schedules', 'pipelines::list_pipelines', ''),
  ('poll', 'a schedule is kept', 'pipelines::keep_schedule', $$1: 'year_7' | 2: (select scheduled_until from icefront.pipelines where name = 'year_7') | 3: now()$$),
  ('poll', 'how long runs take', 'pipelines::usual_duration', $$1: 'year_7'$$),
  ('poll', 'maintenance that is due', 'retention::maintained_until', $$1: 'year_7'$$),
  ('poll', 'verification that is due', 'runs::runs_since_verified', $$1: 'year_7'$$),
  ('poll', 'active runs', 'accept::active_runs', $$1: 'year_50' | 2: '{"steps": [], "select": [], "exclude": [], "full_refresh": false}' | 3: 'schedule'$$),
  ('poll', 'a key of a caller', 'accept::find_key', $$1: 'year_7' | 2: 'airflow-17' | 3: '{}' | 4: 604800$$),
  ('poll', '1,000 listed files', 'files::known_files', $$1: 'year_5' | 2: paths | 3: paths | 4: array_fill(40960, array[1000])$$),
  ('poll', '1,000 listed files that landed', 'files::landed_files', $$1: 'year_5' | 2: paths | 3: paths | 4: array_fill(40960, array[1000])$$),
  ('poll', 'files that could not be read', 'files::unread_files', $$1: 'year_5' | 4: 1000$$),
  ('poll', 'files that are gone', 'files::forget_files', $$1: 'year_5' | 2: paths[1:100]$$),
  ('poll', 'deliveries that are due', 'outbox::claim_deliveries', $$1: '{webhooks.ops,webhooks.team,lineage}' | 2: '{8,8,8}' | 3: 60$$),
  ('poll', 'metrics of pipelines', 'gauges::pipeline_gauges', $$1: all_pipelines$$),
  ('poll', 'metrics of rejects', 'gauges::open_rejects', $$1: bench.part(all_tables, 1) | 2: bench.part(all_tables, 2)$$),
  ('poll', 'metrics of the database', 'gauges::size', ''),
  ('poll', 'metrics of its tables', 'gauges::table_sizes', ''),
  ('freshness', 'tables of a page', 'tables::read_tables', $$1: bench.part(tables, 1) | 2: bench.part(tables, 2)$$),
  ('freshness', 'tables of all pipelines', 'tables::read_tables', $$1: bench.part(all_tables, 1) | 2: bench.part(all_tables, 2)$$),
  ('freshness', 'models of a page', 'models::read_models', $$1: bench.part(models, 1) | 2: bench.part(models, 2)$$),
  ('freshness', 'suspended models', 'models::suspended_models', ''),
  ('freshness', 'runs of the pipelines of a page', 'runs::activities', $$1: pipelines$$),
  ('freshness', 'runs of all pipelines', 'runs::activities', $$1: all_pipelines$$),
  ('freshness', 'batches of a page', 'batches::covered_untils', $$1: bench.part(tables, 1) | 2: array_fill(batch - 3, array[70])$$),
  ('freshness', 'batches of all pipelines', 'batches::covered_untils', $$1: bench.part(all_tables, 1) | 2: array_fill(batch - 3, array[350])$$),
  ('freshness', 'files of a page', 'files::holding_files', $$1: bench.part(tables, 1) | 2: bench.part(tables, 2)$$),
  ('freshness', 'files of all pipelines', 'files::holding_files', $$1: bench.part(all_tables, 1) | 2: bench.part(all_tables, 2)$$),
  ('freshness', 'last refreshes of a page', 'refreshes::last_refreshes', $$1: bench.part(models, 1) | 2: bench.part(models, 2)$$),
  ('freshness', 'last refreshes of all pipelines', 'refreshes::last_refreshes', $$1: bench.part(all_models, 1) | 2: bench.part(all_models, 2)$$),
  ('freshness', 'lags of a model in a day', 'refreshes::lags_since', $$1: '{year_7}' | 2: '{model_2}' | 3: '{900}' | 4: now() - interval '24 hours'$$),
  ('freshness', 'lags of a page in a day', 'refreshes::lags_since', $$1: bench.part(models, 1) | 2: bench.part(models, 2) | 3: array_fill(900, array[30]) | 4: now() - interval '24 hours'$$),
  ('changes', 'by run', 'changes::list_changes', $$4: now() - interval '7 days' | 5: now() | 7: 'run' | 11: 101$$),
  ('rare', 'changes by run, 1,000', 'changes::list_changes', $$4: now() - interval '7 days' | 5: now() | 7: 'run' | 11: 1001$$),
  ('changes', 'by run, a year', 'changes::list_changes', $$4: now() - interval '365 days' | 5: now() | 7: 'run' | 11: 101$$),
  ('changes', 'by run, of a pipeline', 'changes::list_changes', $$1: 'year_7' | 4: now() - interval '7 days' | 5: now() | 7: 'run' | 11: 101$$),
  ('changes', 'by run, of some pipelines', 'changes::list_changes', $$4: now() - interval '7 days' | 5: now() | 7: 'run' | 11: 101 | 12: pipelines[1:5]$$),
  ('changes', 'by run, of a table', 'changes::list_changes', $$1: 'year_7' | 2: 'table_2' | 4: now() - interval '7 days' | 5: now() | 7: 'run' | 11: 101$$),
  ('changes', 'by run, of a model', 'changes::list_changes', $$1: 'year_7' | 3: 'model_2' | 4: now() - interval '7 days' | 5: now() | 7: 'run' | 11: 101$$),
  ('changes', 'by run, a deep page', 'changes::list_changes', $$4: now() - interval '365 days' | 5: now() | 7: 'run' | 8: now() - interval '200 days' | 9: 'year_7.table_2' | 10: run | 11: 101$$),
  ('changes', 'of a run', 'changes::list_changes', $$6: run | 7: 'run' | 11: 101$$),
  ('changes', 'by hour', 'changes::list_changes', $$4: now() - interval '7 days' | 5: now() | 7: 'hour' | 11: 101$$),
  ('changes', 'by hour, of a pipeline, a year', 'changes::list_changes', $$1: 'year_7' | 4: now() - interval '365 days' | 5: now() | 7: 'hour' | 11: 101$$),
  ('changes', 'by hour, of a table, a year', 'changes::list_changes', $$1: 'year_7' | 2: 'table_2' | 4: now() - interval '365 days' | 5: now() | 7: 'hour' | 11: 101$$),
  ('changes', 'by hour, a deep page', 'changes::list_changes', $$4: now() - interval '365 days' | 5: now() | 7: 'hour' | 8: date_trunc('hour', now() - interval '200 days', 'UTC') | 9: 'year_7.table_2' | 11: 101$$),
  ('changes', 'by day', 'changes::list_changes', $$4: now() - interval '7 days' | 5: now() | 7: 'day' | 11: 101$$),
  ('changes', 'by day, a year', 'changes::list_changes', $$4: now() - interval '365 days' | 5: now() | 7: 'day' | 11: 101$$),
  ('changes', 'by day, of a pipeline', 'changes::list_changes', $$1: 'year_7' | 4: now() - interval '7 days' | 5: now() | 7: 'day' | 11: 101$$),
  ('changes', 'by day, of a table', 'changes::list_changes', $$1: 'year_7' | 2: 'table_2' | 4: now() - interval '7 days' | 5: now() | 7: 'day' | 11: 101$$),
  ('changes', 'by day, of a pipeline, a year', 'changes::list_changes', $$1: 'year_7' | 4: now() - interval '365 days' | 5: now() | 7: 'day' | 11: 101$$),
  ('changes', 'by day, of a table, a year', 'changes::list_changes', $$1: 'year_7' | 2: 'table_2' | 4: now() - interval '365 days' | 5: now() | 7: 'day' | 11: 101$$),
  ('changes', 'by day, of a model, a year', 'changes::list_changes', $$1: 'year_7' | 3: 'model_2' | 4: now() - interval '365 days' | 5: now() | 7: 'day' | 11: 101$$),
  ('changes', 'by day, a deep page', 'changes::list_changes', $$4: now() - interval '365 days' | 5: now() | 7: 'day' | 8: date_trunc('day', now() - interval '200 days', 'UTC') | 9: 'year_7.table_2' | 11: 101$$),
  ('work', 'a run begins', 'accept::create_run', $$1: gen_random_uuid() | 2: 'year_7' | 3: '{"labels": {}}' | 4: '{"kind": "build"}' | 5: 'api'$$),
  ('work', 'a run ends', 'runs::finish_run', $$1: running | 2: 1 | 3: 'succeeded'$$),
  ('work', 'a run is to end', 'accept::cancel_run', $$1: running$$),
  ('work', 'a step begins', 'steps::begin_step', $$1: running | 2: 'extract' | 3: 1$$),
  ('work', 'a step ends', 'steps::finish_step', $$1: running | 2: 'extract' | 3: 1 | 4: 'succeeded' | 5: '{}'$$),
  ('work', 'a batch begins', 'batches::begin_batch', $$1: 'year_7' | 2: run | 3: 0$$),
  ('work', 'open batches', 'batches::open_batches', $$1: 'year_7'$$),
  ('work', 'the last batch', 'batches::last_landed', $$1: 'year_7'$$),
  ('work', 'the last sure batch', 'adopted::last_sure_batch', $$1: 'year_7'$$),
  ('work', 'the first batch', 'batches::before_first', $$1: 'year_7'$$),
  ('work', 'the cursor', 'batches::move_cursor', $$1: 'year_7' | 2: batch$$),
  ('work', 'landed events of a window', 'landed::events_between', $$1: 'year_7' | 2: 'public' | 3: 'table_2' | 4: batch - 1 | 5: batch$$),
  ('work', 'landed events of 1,000 batches', 'landed::events_between', $$1: 'year_7' | 2: 'public' | 3: 'table_2' | 4: batch - 1000 | 5: batch$$),
  ('work', 'the end of a typed log', 'table_progress::bound_events', $$1: 'year_7' | 2: 'public' | 3: 'table_2' | 4: batch - 1 | 5: batch | 6: 1 | 7: now()$$),
  ('work', 'changes', 'table_progress::record_changes', $$1: run | 2: 'year_7' | 3: 'table_2' | 4: batch + 1 | 5: 1 | 6: 1 | 7: 1 | 8: 1 | 9: 1 | 10: 1 | 11: 1 | 12: 1 | 13: 1 | 14: 1$$),
  ('work', 'a publication', 'publications::record_table_publication', $$1: 'year_7' | 2: 'table_2' | 3: '1' | 4: true$$),
  ('work', 'a statement is noted', 'statements::prepare_statement', $$1: running | 2: 'year_50' | 3: 'extract' | 4: 1 | 5: 'lake.year_50.audit_log_dml' | 6: 'select 1'$$),
  ('work', 'lost statements', 'statements::lost_statements', $$1: 'year_50' | 2: 'lake.year_50_marts.table_1' | 3: run | 4: 1$$),
  ('work', 'sent statements', 'statements::sent_statements', $$1: running$$),
  ('work', 'a table is ours', 'statements::has_written', $$1: 'year_7' | 2: 'lake.year_7_marts.table_2'$$),
  ('work', 'the last snapshot', 'statements::last_snapshot', $$1: 'year_7' | 2: 'lake.year_7_marts.table_2'$$),
  ('work', 'the last statement', 'builds::last_statement', $$1: 'year_7' | 2: 'lake.year_7_marts.table_2'$$),
  ('work', 'who sent a statement', 'statements::has_sent_any', $$1: 'year_7' | 2: '{20260101_000000_00001_axxxx,20260101_000000_00002_axxxx}'$$),
  ('work', 'who made a view', 'leftovers::has_made_view', $$1: 'year_7' | 2: 'lake.year_7_marts.table_2'$$),
  ('work', 'who wrote a table later', 'leftovers::taken_over', $$1: 'year_7' | 2: '{lake.year_7_marts.table_2,lake.year_7_marts.table_3}'$$),
  ('work', 'the last run that refreshed', 'refreshes::last_sending_run', $$1: 'year_7' | 2: 'model_2'$$),
  ('work', 'failed models of a run', 'webhooks::failed_models', $$1: run$$),
  ('work', 'rejects of a run', 'webhooks::rejected_tables', $$1: run$$),
  ('work', 'lineage: landed events', 'lineage::extracted_events', $$1: 'year_7' | 2: run$$),
  ('work', 'lineage: snapshots', 'lineage::snapshots', $$1: 'year_7' | 2: '{lake.year_7_marts.table_1,lake.year_7_marts.table_2}' | 3: now()$$),
  ('work', 'lineage: snapshots of a month ago', 'lineage::snapshots', $$1: 'year_7' | 2: '{lake.year_7_marts.table_1,lake.year_7_marts.table_2}' | 3: now() - interval '30 days'$$),
  ('work', 'lineage: publications', 'lineage::published', $$1: 'year_7' | 2: '{model_1,model_2}' | 3: now()$$),
  ('work', 'lineage: what a model read', 'lineage::reading_of_attempt', $$1: run | 2: 1 | 3: 'year_7' | 4: 'model_2'$$),
  ('rare', 'what a build would read', 'builds::expected_build', $$1: 'year_7' | 2: 'table_2' | 3: 'public' | 4: 'table_2' | 5: batch$$),
  ('rare', 'what a deletion takes', 'leftovers::held_table', $$1: 'year_7' | 2: 'table_2' | 3: 'public' | 4: 'table_2'$$),
  ('rare', 'rows about a table', 'leftovers::count_rows', $$1: 'year_5' | 2: 'table_2' | 3: 'table'$$),
  ('maintenance', 'runs in use', 'retention::runs_in_use', $$1: 'year_7' | 2: now() - interval '89 days' | 3: 100$$),
  ('maintenance', 'old runs of a day', 'retention::count_old_runs', $$1: 'year_7' | 2: now() - interval '89 days' | 3: '{}' | 4: now() - interval '7 days'$$),
  ('maintenance', '50 old runs go', 'retention::delete_old_runs', $$1: 'year_7' | 2: now() - interval '89 days' | 3: '{}' | 4: now() - interval '7 days' | 5: 50$$),
  ('maintenance', 'old events of a day', 'retention::count_old_events', $$1: 'year_7' | 2: now() - interval '29 days'$$),
  ('maintenance', '5,000 old events go', 'retention::delete_old_events', $$1: 'year_7' | 2: now() - interval '29 days' | 3: 5000$$),
  ('maintenance', 'old SQL of a day', 'retention::count_old_sql', $$1: 'year_7' | 2: now() - interval '29 days'$$),
  ('maintenance', '5,000 old SQL texts go', 'retention::forget_old_sql', $$1: 'year_7' | 2: now() - interval '29 days' | 3: 5000$$),
  ('maintenance', 'old publications of a day', 'retention::count_old_publications', $$1: 'year_7' | 2: now() - interval '89 days'$$),
  ('maintenance', '5,000 old publications go', 'retention::delete_old_publications', $$1: 'year_7' | 2: now() - interval '89 days' | 3: 5000$$),
  ('maintenance', 'old refreshes of a day', 'retention::count_old_refreshes', $$1: 'year_7' | 2: now() - interval '364 days'$$),
  ('maintenance', '5,000 old refreshes go', 'retention::delete_old_refreshes', $$1: 'year_7' | 2: now() - interval '364 days' | 3: 5000$$),
  ('maintenance', 'old changes of a day', 'retention::count_old_changes', $$1: 'year_7' | 2: now() - interval '364 days'$$),
  ('maintenance', '20 days of changes are put together', 'retention::put_days_together', $$1: 'year_7' | 2: now() - interval '355 days' | 3: 20$$),
  ('maintenance', 'snapshots in use', 'retention::snapshots_in_use', $$1: 'year_7' | 2: now() - interval '90 days'$$),
  ('maintenance', 'old keys of callers', 'accept::forget_idempotency_keys', $$1: 604800$$),
  ('maintenance', 'old deliveries', 'outbox::forget_deliveries', $$1: 'webhooks' | 2: 2505600$$),
  ('maintenance', 'deliveries of removed receivers', 'outbox::give_up_deliveries', $$1: 86400 | 2: 'webhooks' | 3: '{webhooks.ops}'$$);

-- As the service's sessions are, one processor each. It prepares each statement anew, so a plan is always for the parameters.
select text as session from bench.statements where name = 'schema::session' \gset
:session;
set max_parallel_workers_per_gather = 0;
set plan_cache_mode = force_custom_plan;
set client_min_messages = warning;
select format('select bench.measure(calls) from bench.calls where position = %s', position) from bench.calls order by position \gexec
