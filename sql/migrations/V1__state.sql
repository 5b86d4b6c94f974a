-- What the service remembers; every cursor and every published batch moves in one transaction with the proof of it.

create table icefront.runs (
  id uuid primary key,
  pipeline text not null,
  state text not null check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  request jsonb not null,
  attempt integer not null default 0,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  counts jsonb not null default '{}',
  error jsonb
);
create index runs_waiting on icefront.runs (pipeline, created_at) where state in ('queued', 'running');
create unique index runs_one_active on icefront.runs (pipeline) where state = 'running';
create index runs_newest on icefront.runs (pipeline, id);

create table icefront.steps (
  run_id uuid not null references icefront.runs on delete cascade,
  name text not null,
  attempt integer not null,
  state text not null check (state in ('running', 'succeeded', 'failed', 'skipped')),
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  counts jsonb not null default '{}',
  error jsonb,
  primary key (run_id, name, attempt)
);

-- Every statement that writes is here before Trino hears of it, and has its query id before it can run.
create table icefront.statements (
  id bigint generated always as identity primary key,
  run_id uuid not null references icefront.runs on delete cascade,
  pipeline text not null,
  step text not null,
  attempt integer not null,
  target text not null,
  sql text not null,
  state text not null default 'prepared' check (state in ('prepared', 'sent', 'succeeded', 'failed', 'superseded')),
  trino_query_id text,
  update_count bigint,
  snapshot_before text,
  snapshot_after text,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  progress jsonb
);
create index statements_of_run on icefront.statements (run_id, id);
create index statements_open on icefront.statements (pipeline, step) where state = 'sent';

create table icefront.batches (
  pipeline text not null,
  id bigint not null,
  run_id uuid not null,
  state text not null default 'reading' check (state in ('reading', 'written', 'landed', 'abandoned')),
  position jsonb,
  covered_until timestamptz,
  events bigint not null default 0,
  files bigint not null default 0,
  bytes bigint not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  landed_at timestamptz,
  primary key (pipeline, id)
);
create index batches_open on icefront.batches (pipeline) where state in ('reading', 'written');

-- What a batch holds of each source table, tracked or not.
create table icefront.batch_events (
  pipeline text not null,
  batch_id bigint not null,
  source_schema text not null,
  source_table text not null,
  events bigint not null,
  truncates bigint not null,
  first_event bigint,
  last_event bigint,
  primary key (pipeline, source_schema, source_table, batch_id),
  foreign key (pipeline, batch_id) references icefront.batches on delete cascade
);

create table icefront.cursors (
  pipeline text primary key,
  position jsonb not null,
  covered_until timestamptz not null,
  blocked_by jsonb,
  moved_at timestamptz not null default clock_timestamp()
);

create table icefront.tables (
  pipeline text not null,
  name text not null,
  origin text not null,
  columns jsonb not null,
  seen_at timestamptz not null default clock_timestamp(),
  staged_batch bigint not null default 0,
  current_batch bigint not null default 0,
  history_batch bigint not null default 0,
  held_batch bigint,
  rejects bigint not null default 0,
  primary key (pipeline, name)
);

create table icefront.changes (
  run_id uuid not null references icefront.runs on delete cascade,
  pipeline text not null,
  table_name text not null,
  batch_id bigint not null,
  changed_at timestamptz not null default clock_timestamp(),
  inserted bigint not null,
  updated bigint not null,
  deleted bigint not null,
  primary key (pipeline, table_name, batch_id, run_id)
);
create index changes_when on icefront.changes (changed_at);
create index changes_of_run on icefront.changes (run_id);
