-- Who works on a pipeline, what callers asked for twice, and what became of a run in the order in which it happened.

create sequence icefront.lease_numbers;

-- A lease ends with its time or with the session that holds it. Its number rises with each taking, over all pipelines.
create table icefront.leases (
  pipeline text primary key,
  number bigint not null unique,
  holder text not null,
  session integer,
  session_start timestamptz,
  expires_at timestamptz not null
);

-- Refuses to whoever lost a lease to record anything. A taking waits for what is being recorded: it changes the number, which is a key.
create function icefront.hold_lease() returns trigger language plpgsql as $$
declare
  held text := current_setting('icefront.lease', true);
begin
  if coalesce(held, '') <> '' then
    perform from icefront.leases where number = held::bigint for key share;
    if not found then
      raise exception 'the lease was lost' using errcode = 'IF001';
    end if;
  end if;
  return null;
end $$;

create trigger hold_lease before insert or update or delete on icefront.runs for each statement execute function icefront.hold_lease();
create trigger hold_lease before insert or update or delete on icefront.steps for each statement execute function icefront.hold_lease();
create trigger hold_lease before insert or update or delete on icefront.statements for each statement execute function icefront.hold_lease();
create trigger hold_lease before insert or update or delete on icefront.batches for each statement execute function icefront.hold_lease();
create trigger hold_lease before insert or update or delete on icefront.batch_events for each statement execute function icefront.hold_lease();
create trigger hold_lease before insert or update or delete on icefront.cursors for each statement execute function icefront.hold_lease();
create trigger hold_lease before insert or update or delete on icefront.tables for each statement execute function icefront.hold_lease();
create trigger hold_lease before insert or update or delete on icefront.changes for each statement execute function icefront.hold_lease();
create trigger hold_lease before insert or update or delete on icefront.test_results for each statement execute function icefront.hold_lease();
create trigger hold_lease before insert or update or delete on icefront.files for each statement execute function icefront.hold_lease();

-- What a caller asked for under a key of its own, and the run that this came to.
create table icefront.idempotency_keys (
  pipeline text not null,
  key text not null,
  body jsonb not null,
  run_id uuid not null references icefront.runs on delete cascade,
  created_at timestamptz not null default clock_timestamp(),
  primary key (pipeline, key)
);
create index idempotency_keys_by_age on icefront.idempotency_keys (created_at);

-- Where a statement is asked for and given up, which works before Trino lists it.
alter table icefront.statements add column address text;

alter table icefront.runs
  add column cancel_requested_at timestamptz,
  -- Attempts in a row of which no end was recorded.
  add column lost integer not null default 0,
  add column last_event bigint not null default 0;

create table icefront.run_events (
  run_id uuid not null references icefront.runs on delete cascade,
  number bigint not null,
  told_at timestamptz not null default clock_timestamp(),
  name text not null check (name in ('run', 'step')),
  data jsonb not null,
  primary key (run_id, number)
);

insert into icefront.run_events (run_id, number, told_at, name, data)
select id, 1, coalesce(finished_at, started_at, created_at), 'run', jsonb_strip_nulls(jsonb_build_object('state', state, 'attempt', attempt, 'error', error))
from icefront.runs;
update icefront.runs set last_event = 1;

-- Numbers what happens to a run without a gap: the row of the run is locked until that is committed.
create function icefront.tell_run() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' or new.state <> old.state or new.attempt <> old.attempt then
    new.last_event := new.last_event + 1;
  end if;
  return new;
end $$;

create function icefront.told_run() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' or new.state <> old.state or new.attempt <> old.attempt then
    insert into icefront.run_events (run_id, number, name, data)
    values (new.id, new.last_event, 'run', jsonb_strip_nulls(jsonb_build_object('state', new.state, 'attempt', new.attempt, 'error', new.error)));
  end if;
  return null;
end $$;

create function icefront.tell_step() returns trigger language plpgsql as $$
declare
  next bigint;
begin
  update icefront.runs set last_event = last_event + 1 where id = new.run_id returning last_event into next;
  insert into icefront.run_events (run_id, number, name, data)
  values (new.run_id, next, 'step', jsonb_strip_nulls(jsonb_build_object(
    'step', new.name, 'state', new.state, 'attempt', new.attempt, 'counts', new.counts, 'error', new.error)));
  return null;
end $$;

create trigger tell_run before insert or update on icefront.runs for each row execute function icefront.tell_run();
create trigger told_run after insert or update on icefront.runs for each row execute function icefront.told_run();
create trigger tell_step after insert or update on icefront.steps for each row execute function icefront.tell_step();
