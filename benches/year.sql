-- Fills a state database as a year of :pipelines busy pipelines leaves it, with the default retention: about :rows rows over all tables.
--
-- The real year of 50 pipelines that run once a minute has six times the 50 million rows of the default. So the runs are further apart, and
-- everything else is as in that year: a run has a batch, changes of two of its pipeline's 7 tables and a refresh of one of its 3 models.
-- Runs with their steps, statements, tests and publications are kept for 90 days, SQL and events for 30, the rest for all of the year.
-- One run in 5 pipelines is under way, 3 wait behind it. `year_3` has nothing but scheduled builds that succeed, so filters find nothing in it.

set session_replication_role = replica;
set synchronous_commit = off;

create schema bench;

-- What a lost machine loses is made anew. Tables that refer to others come first. No vacuum of the server's own begins meanwhile.
select format('alter table icefront.%I set unlogged', name)
from unnest(array['steps', 'statements', 'run_events', 'test_results', 'idempotency_keys', 'batch_events', 'changes', 'refreshes', 'publications',
  'files', 'batches', 'runs']) with ordinality as big (name, place)
order by place \gexec
select format('alter table icefront.%I set (autovacuum_enabled = off)', relname)
from pg_class where relnamespace = 'icefront'::regnamespace and relkind = 'r' \gexec

-- Indexes are made when the rows are there, which takes a third of the time. Only those stay that other tables refer to.
create table bench.indexes as
select
  format('icefront.%I', indexes.tablename)::regclass as of_table, coalesce(kept.contype = 'p', false) as is_key,
  case when kept.contype = 'p' then format('alter table icefront.%I drop constraint %I', indexes.tablename, conname) else format('drop index icefront.%I', indexname) end as dropped,
  case
    when kept.contype = 'p' then format('alter table icefront.%I add constraint %I %s', indexes.tablename, conname, pg_get_constraintdef(kept.oid))
    else indexdef
  end as made
from pg_indexes as indexes
left join pg_constraint as kept on conindid = format('icefront.%I', indexname)::regclass and conrelid = format('icefront.%I', indexes.tablename)::regclass
where schemaname = 'icefront' and (kept.contype is null or kept.contype = 'p')
  and tablename in ('steps', 'statements', 'run_events', 'test_results', 'batch_events', 'changes', 'refreshes', 'publications', 'files', 'batches', 'runs')
  and not exists (select from pg_constraint as reference where reference.contype = 'f' and reference.conindid = kept.conindid);
select dropped from bench.indexes \gexec

-- How many runs the year had: 11.8 rows are left of each.
create table bench.year as
select
  runs, :pipelines as pipelines, now() - interval '1 minute' as until,
  make_interval(secs => 365 * 86400.0 / runs) as pace, 7 as tables, 3 as models
from (values (greatest(:rows * 10 / 118 / :pipelines, 400)::bigint * :pipelines)) as of_all (runs);

-- The runs number $1 to $2. The same number is always the same run.
create function bench.made(bigint, bigint) returns table (
  n bigint, p bigint, pipeline text, batch bigint, created_at timestamptz, luck integer, trigger text, state text, kind text, id uuid
) language sql stable as $$
  select
    n, n % pipelines + 1, 'year_' || n % pipelines + 1, n / pipelines + 1, at, luck,
    case
      when kind = 'maintenance' or n % pipelines = 2 then 'schedule'
      else (array['schedule', 'schedule', 'schedule', 'poll', 'poll', 'poll', 'poll', 'poll', 'poll', 'api'])[luck / 7 % 10 + 1]
    end,
    case
      when n >= runs - 5 then 'running' when n < pipelines or n % pipelines = 2 then 'succeeded' when luck % 50 = 7 then 'failed' when luck % 101 = 3 then 'cancelled' else 'succeeded'
    end,
    kind,
    -- A UUIDv7 of that time.
    (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid
  from bench.year
  cross join generate_series($1, $2) as n
  cross join lateral (values (until - (runs - 1 - n) * pace, hashint8(n) & 2147483647)) as when_and_luck (at, luck)
  cross join lateral (values (
    case
      when n < pipelines then 'build' when n / pipelines % greatest(runs / pipelines / 365, 2) = 1 then 'maintenance' when n % pipelines = 2 then 'build' when luck % 97 = 0 then 'verify'
      when luck % 499 = 0 then 'rebuild' when luck % 9973 = 0 then 'restage' else 'build'
    end
  )) as what (kind)
$$;

-- Batches and what they held, for all of the year.
create procedure bench.fill_batches() language plpgsql as $fill$
declare
  year bench.year;
  began bigint;
  chunk constant bigint := 100000;
  kept_from timestamptz := now() - interval '90 days';
  told_from timestamptz := now() - interval '30 days';
begin
  select * into year from bench.year;
  began := 0;
  while began < year.runs loop
    drop table if exists made;
    create temporary table made as select * from bench.made(began, least(began + chunk, year.runs) - 1);
    analyze made;

    insert into icefront.batches (pipeline, id, run_id, state, position, covered_until, covered_from, events, files, bytes, created_at, landed_at)
    select
      pipeline, batch, id, 'landed', jsonb_build_object('after', batch * 300), created_at, created_at - year.pipelines * year.pace, 300, 1, 40960,
      created_at, created_at + interval '1 second'
    from made
    order by n;

    insert into icefront.batch_events (
      pipeline, batch_id, source_schema, source_table, events, truncates, first_event, last_event, first_time, last_time, repeats
    )
    select
      pipeline, batch, 'public', 'table_' || (batch * 2 + k) % year.tables + 1, 150, (luck % 20000 = 0)::integer, batch * 300, batch * 300 + 299,
      created_at - year.pipelines * year.pace, created_at, false
    from made, generate_series(0, 1) as k
    order by n, k;

    commit;
    began := began + chunk;
    raise log 'fill_batches: % of % runs', least(began, year.runs), year.runs;
  end loop;
end
$fill$;

-- Sums of changes, refreshes and the ledger of files, for all of the year.
create procedure bench.fill_changes() language plpgsql as $fill$
declare
  year bench.year;
  began bigint;
  chunk constant bigint := 100000;
  kept_from timestamptz := now() - interval '90 days';
  told_from timestamptz := now() - interval '30 days';
begin
  select * into year from bench.year;
  began := 0;
  while began < year.runs loop
    drop table if exists made;
    create temporary table made as select * from bench.made(began, least(began + chunk, year.runs) - 1);
    analyze made;

    insert into icefront.changes (
      run_id, pipeline, table_name, batch_id, changed_at, inserted, updated, deleted, read, rejected, staged, published, late, superseded, unchanged,
      versions_opened, versions_closed
    )
    select
      id, pipeline, 'table_' || (batch * 2 + k) % year.tables + 1, batch, created_at + interval '2 seconds' + k * interval '50 ms',
      35, 100, 7, 150, (luck % 1000 = 0)::integer, 150, 150, 1, 4, 3, 136, 142
    from made, generate_series(0, 1) as k
    where state = 'succeeded'
    order by n, k;

    insert into icefront.refreshes (
      pipeline, model, run_id, attempt, state, action, reason, reading, scopes, inserted, updated, deleted, problem, started_at, finished_at, covered_batch,
      target_lag_seconds
    )
    select
      pipeline, 'model_' || batch % year.models + 1, id, 1, case when luck % 211 = 5 then 'failed' else 'succeeded' end,
      case when luck % 10 = 0 then 'no_data' when luck % 500 = 1 then 'full' else 'incremental' end, 'its inputs changed',
      jsonb_build_object('as_of', created_at, 'inputs', jsonb_build_object(format('lake.%s_marts.table_1', pipeline),
        jsonb_build_object('snapshot', (7300000000000000000 + n)::text, 'version', n::text, 'upto_batch', batch, 'remakes', 0))),
      3, 10, 5, 1, case when luck % 211 = 5 then '{"type": "urn:icefront:problem:trino-failed", "status": 424}'::jsonb end,
      created_at + interval '2 seconds', created_at + interval '3 seconds', batch, 900
    from made
    where state = 'succeeded'
    order by n;

    insert into icefront.files (pipeline, path, etag, size, table_name, batch, state, rows, reason, modified_at, read_by, seen_at)
    select
      pipeline, format('drops/%s/%s/orders_%s_%s.csv', pipeline, to_char(created_at, 'YYYY/MM/DD'), to_char(created_at, 'HH24MISS'), batch), md5(n::text || last), 40960,
      'table_' || (batch * 2) % year.tables + 1, batch + last, case when last = 1 or luck % 1000 <> 3 then 'landed' else 'unreadable' end, 150,
      case when last = 0 and luck % 1000 = 3 then 'line 7 has 5 columns, the header has 6' end, created_at - interval '1 minute', md5(pipeline), created_at
    from made, generate_series(0, 1) as last
    -- Most of the files that could not be read were mended later.
    where p % 5 = 0 and (last = 0 or luck % 1000 = 3 and luck % 8 <> 0)
    order by n, last;

    commit;
    began := began + chunk;
    raise log 'fill_changes: % of % runs', least(began, year.runs), year.runs;
  end loop;
end
$fill$;

-- Runs and what goes with them, of the last 90 days. The first run of each pipeline stays.
create procedure bench.fill_runs() language plpgsql as $fill$
declare
  year bench.year;
  began bigint;
  chunk constant bigint := 100000;
  kept_from timestamptz := now() - interval '90 days';
  told_from timestamptz := now() - interval '30 days';
begin
  select * into year from bench.year;
  began := 0;
  while began < year.runs loop
    drop table if exists made;
    create temporary table made as select * from bench.made(began, least(began + chunk, year.runs) - 1)
    where created_at > kept_from or n < year.pipelines;
    analyze made;

    insert into icefront.runs (
      id, pipeline, state, request, attempt, created_at, started_at, finished_at, counts, error, task, lost, last_event, trigger, scheduled_for, requested_by
    )
    select
      id, pipeline, state,
      jsonb_build_object('steps', '[]'::jsonb, 'select', '[]'::jsonb, 'exclude', '[]'::jsonb, 'on_failed', 'return', 'if_running', 'queue', 'full_refresh', false,
        'labels', case trigger when 'api' then jsonb_build_object('dag_id', 'dag_' || luck % 37, 'team', 'team_' || luck % 5) else '{}'::jsonb end),
      1, created_at, created_at + interval '20 ms', case when state <> 'running' then created_at + interval '3 seconds' end,
      case when state = 'succeeded' then '{"read": 300, "files": 1, "bytes": 40960, "events": 300, "staged": 300, "rejected": 0, "duplicate": 0, "inserted": 70, "updated": 200, "deleted": 15, "published": 300, "late": 2, "superseded": 8, "unchanged": 4, "versions_opened": 272, "versions_closed": 284}'::jsonb else '{}' end,
      case when state = 'failed' then jsonb_build_object('type', 'urn:icefront:problem:source-unreadable', 'title', 'The source cannot be read',
        'status', 424, 'detail', 'connection `bench` does not answer', 'retryable', false, 'step', 'extract', 'run_id', id) end,
      case when kind in ('verify', 'rebuild', 'restage') then jsonb_build_object('kind', kind, 'table', 'table_' || luck % year.tables + 1, 'one_in', 1)
        else jsonb_build_object('kind', kind) end,
      0, 15, trigger, case trigger when 'schedule' then date_trunc('minute', created_at) end, case trigger when 'api' then 'airflow' end
    from made
    order by n;

    delete from made where state <> 'succeeded' or created_at <= kept_from;

    insert into icefront.steps (run_id, name, attempt, state, started_at, finished_at, counts)
    select id, of_run.step, 1, 'succeeded', created_at + at * interval '300 ms', created_at + (at + 1) * interval '300 ms', '{"read": 300}'
    from made
    cross join lateral (values
      ('table_' || (batch * 2) % year.tables + 1, 'table_' || (batch * 2 + 1) % year.tables + 1, 'model_' || batch % year.models + 1)
    ) as named (one, two, model)
    cross join lateral (values
      (0, 'extract'), (1, 'stage.' || one), (2, 'stage.' || two), (3, case when kind = 'verify' then 'verify.' else 'mart.' end || one), (4, 'mart.' || two),
      (5, 'model.' || model)
    ) as of_run (at, step)
    order by n, at;

    insert into icefront.statements (
      run_id, pipeline, step, attempt, target, sql, state, trino_query_id, update_count, snapshot_before, snapshot_after, started_at, finished_at, address, progress
    )
    select
      id, pipeline, of_run.step, 1, format('lake.%s%s', pipeline, of_run.target),
      case when created_at > told_from then format('insert into lake.%s%s (%s) select %s from lake.%s_staging.%s where batch = %s and %s', pipeline, of_run.target,
        columns.names, columns.names, pipeline, one, batch, md5(n::text)) else '' end,
      'succeeded', format('%s_%s_a%sx', to_char(created_at, 'YYYYMMDD_HH24MISS'), n % 100000, at), 150, (7300000000000000000 + n * 6 + at)::text,
      (7300000000000000001 + n * 6 + at)::text, created_at + at * interval '300 ms', created_at + (at + 1) * interval '300 ms', null,
      '{"cpu_ms": 120, "elapsed_ms": 280, "state": "FINISHED", "peak_memory_bytes": 1048576}'::jsonb
    from made
    cross join lateral (values
      ('table_' || (batch * 2) % year.tables + 1, 'table_' || (batch * 2 + 1) % year.tables + 1, 'model_' || batch % year.models + 1)
    ) as named (one, two, model)
    cross join lateral (values
      (0, 'extract', '.audit_log_dml'), (1, 'stage.' || one, '_staging.' || one), (2, 'stage.' || two, '_staging.' || two), (3, 'mart.' || one, '_marts.' || one),
      (4, case when luck % 20 = 0 then 'optimize' else 'mart.' || two end, '_marts.' || two), (5, 'model.' || model, '_marts.' || model)
    ) as of_run (at, step, target)
    cross join (select string_agg('column_' || c, ', ') as names from generate_series(1, 24) as c) as columns
    order by n, at;

    insert into icefront.run_events (run_id, number, told_at, name, data)
    select
      id, number, created_at + number * interval '200 ms', case when number in (1, 2, 15) then 'run' else 'step' end,
      case
        when number in (1, 2, 15) then jsonb_build_object('state', case number when 1 then 'queued' when 2 then 'running' else 'succeeded' end, 'attempt', 1)
        else jsonb_build_object('step', 'stage.table_' || number / 2, 'state', case number % 2 when 0 then 'succeeded' else 'running' end, 'attempt', 1,
          'counts', jsonb_build_object('read', 150))
      end
    from made, generate_series(1, 15) as number
    where created_at > told_from or number = 15
    order by n, number;

    insert into icefront.test_results (run_id, attempt, table_name, name, column_name, severity, threshold, status, failures, rows, tested_at)
    select id, 1, pipeline || '.table_' || (batch * 2) % year.tables + 1, 'not_null_id', 'id', 'error', 0, case when luck % 500 = 2 then 'fail' else 'pass' end,
      (luck % 500 = 2)::integer, 150, created_at + interval '2 seconds'
    from made
    order by n;

    insert into icefront.publications (pipeline, name, snapshot, snapshot_before, of_history, batch_id, refresh_id, of_batches, columns, published_at)
    select
      pipeline, named.name, (7300000000000000000 + n * 6 + k)::text, (7299999999999999999 + n * 6 + k)::text, false, case when k < 2 then batch end,
      case when k = 2 then n + 1 end, k < 2,
      case when luck % 5000 = 1 then '[{"name": "id", "data_type": "bigint", "is_key": true}, {"name": "column_2", "data_type": "varchar", "is_key": false}]'::jsonb end,
      created_at + interval '2 seconds' + k * interval '50 ms'
    from made, generate_series(0, 2) as k
    cross join lateral (
      values (case when k < 2 then 'table_' || (batch * 2 + k) % year.tables + 1 else 'model_' || batch % year.models + 1 end)
    ) as named (name)
    order by n, k;

    insert into icefront.idempotency_keys (pipeline, key, body, run_id, created_at)
    select pipeline, 'airflow-' || n, '{"steps": []}', id, created_at from made where trigger = 'api' and created_at > now() - interval '7 days';

    insert into icefront.deliveries (receiver, message_id, event, body, state, created_at, tries, tried_at, next_try_at, http_status, delivered_at)
    select 'webhooks.' || (array['ops', 'team', 'audit'])[luck % 3 + 1], id, 'run.succeeded', json_build_object('run', id, 'pipeline', pipeline), 'delivered',
      created_at, 1, created_at, null, 200, created_at
    from made
    where luck % 10 = 1 and created_at > told_from;

    commit;
    began := greatest(began + chunk, year.runs - ceil(extract(epoch from interval '90 days') / extract(epoch from year.pace))::bigint);
    raise log 'fill_runs: % of % runs', least(began, year.runs), year.runs;
  end loop;
end
$fill$;

-- Makes the indexes of some tables again, keys first.
create procedure bench.make_indexes(text[]) language plpgsql as $make$
declare
  made text;
begin
  set maintenance_work_mem = '256MB';
  for made in select indexes.made from bench.indexes where of_table::text = any(select 'icefront.' || unnest($1)) order by not is_key loop
    execute made;
    commit;
  end loop;
end
$make$;
