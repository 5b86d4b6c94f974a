-- SQL models: what their tables were made by and read, and each refresh of them.

alter table icefront.tables
  -- The snapshots that the last publications made.
  add column current_snapshot text,
  add column history_snapshot text,
  -- Rises whenever rows may have changed whose keys are in no new batch.
  add column remakes bigint not null default 0;

create table icefront.models (
  pipeline text not null,
  name text not null,
  -- The definition that the table or view was made by; null before the first refresh.
  made_of jsonb,
  -- The table's columns with their types in Trino.
  columns jsonb not null default '[]',
  -- What the last refresh read.
  reading jsonb,
  -- A refresh whose statement was about to be sent; null once its end is known.
  sent jsonb,
  -- The table's snapshot after the last refresh, and the one from which the table of changes leads to it.
  snapshot text,
  changes_since text,
  rows bigint,
  is_suspended boolean not null default false,
  primary key (pipeline, name)
);

create table icefront.refreshes (
  id bigint generated always as identity primary key,
  pipeline text not null,
  model text not null,
  run_id uuid not null references icefront.runs on delete cascade,
  attempt integer not null,
  state text not null check (state in ('succeeded', 'failed', 'upstream_failed')),
  action text check (action in ('no_data', 'view', 'incremental', 'full', 'time')),
  -- Why it had this action.
  reason text,
  reading jsonb,
  -- The affected scopes, and the rows that Trino changed; null where nobody counted.
  scopes bigint,
  inserted bigint,
  updated bigint,
  deleted bigint,
  problem jsonb,
  started_at timestamptz not null,
  finished_at timestamptz not null default clock_timestamp()
);
create index refreshes_of_model on icefront.refreshes (pipeline, model, id desc);
create index refreshes_of_run on icefront.refreshes (run_id);

create trigger hold_lease before insert or update or delete on icefront.models for each statement execute function icefront.hold_lease();
create trigger hold_lease before insert or update or delete on icefront.refreshes for each statement execute function icefront.hold_lease();
