-- Builds: tables that are made slice by slice, each in a table of its own that then replaces another.

create table icefront.builds (
  pipeline text not null,
  table_name text not null,
  layer text not null check (layer in ('log', 'current', 'history')),
  -- The last batch in it, and the columns and the order that it is made by; null if none is under way.
  upto_batch bigint,
  made_of jsonb,
  -- The bucket that the next slice begins with, and the bucket behind the slice that was sent last.
  position integer not null default 0,
  sent_to integer not null default 0,
  rows bigint not null default 0,
  -- The events that one statement takes, by the last slices and refusals.
  fitting bigint,
  -- How fast the last statement made it.
  events_per_second double precision,
  -- Whether its table may still be there.
  is_left boolean not null default false,
  primary key (pipeline, table_name, layer)
);

create trigger hold_lease before insert or update or delete on icefront.builds for each statement execute function icefront.hold_lease();
