-- The ledger of files: what was read of a folder, and what could not be.

create table icefront.files (
  pipeline text not null,
  path text not null,
  etag text not null,
  size bigint not null,
  table_name text not null,
  batch bigint not null,
  state text not null check (state in ('landed', 'unreadable', 'changed')),
  rows bigint not null,
  reason text,
  modified_at timestamptz not null,
  -- The definition that it was read by: what could not be read by one is tried again by another.
  read_by text not null,
  seen_at timestamptz not null default clock_timestamp(),
  id bigint generated always as identity,
  primary key (pipeline, id)
);

create index files_by_path on icefront.files (pipeline, path, id);
create index files_by_batch on icefront.files (pipeline, batch);
