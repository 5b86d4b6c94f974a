-- What a batch's events span, what became of every event, what tests said, how sources changed, and runs of other kinds.

-- Ids and times tell whether a batch is newer than all before; those of rejected events do not count once that is known.
alter table icefront.batch_events
  add column first_time timestamptz,
  add column last_time timestamptz,
  add column repeats boolean not null default true,
  -- Rejects that were tried again; they did not land anew.
  add column replayed bigint not null default 0;

alter table icefront.runs add column task jsonb not null default '{"kind": "build"}';

alter table icefront.tables
  add column catalogue jsonb not null default '[]',
  add column drift jsonb not null default '[]';

alter table icefront.changes
  add column read bigint not null default 0,
  add column rejected bigint not null default 0,
  add column duplicate bigint not null default 0,
  add column staged bigint not null default 0,
  add column published bigint not null default 0,
  add column late bigint not null default 0,
  add column superseded bigint not null default 0,
  add column delete_without_row bigint not null default 0,
  add column unchanged bigint not null default 0,
  add column truncates bigint not null default 0,
  add column truncated bigint not null default 0,
  alter column inserted set default 0,
  alter column updated set default 0,
  alter column deleted set default 0;

create table icefront.test_results (
  run_id uuid not null references icefront.runs on delete cascade,
  attempt integer not null,
  table_name text not null,
  name text not null,
  column_name text,
  severity text not null check (severity in ('error', 'warn')),
  threshold bigint not null,
  status text not null check (status in ('pass', 'warn', 'fail')),
  failures bigint not null,
  rows bigint not null,
  tested_at timestamptz not null default clock_timestamp(),
  primary key (run_id, table_name, name, attempt)
);
