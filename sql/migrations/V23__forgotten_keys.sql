-- expands: a service of version 22 runs on it
-- Keys whose rows were erased: their events are not taken again.

create table icefront.forgotten_keys (
  pipeline text not null,
  source_schema text not null,
  source_table text not null,
  key_columns jsonb not null,
  key_hash bytea not null,
  run_id uuid not null,
  forgotten_at timestamptz not null default clock_timestamp(),
  primary key (pipeline, source_schema, source_table, key_hash)
);

comment on table icefront.forgotten_keys is 'keys that were forgotten: an event of one lands without its content and becomes a reject';
comment on column icefront.forgotten_keys.source_table is 'the table in the source, whatever a definition calls it';
comment on column icefront.forgotten_keys.key_columns is 'the columns of the key when it was forgotten';
comment on column icefront.forgotten_keys.key_hash is 'SHA-256 of the key; the key itself is kept nowhere';
comment on column icefront.forgotten_keys.run_id is 'the run that erased the key; it may be gone';

create trigger hold_lease before insert or update or delete on icefront.forgotten_keys for each statement execute function icefront.hold_lease();

insert into icefront.expansions (version, oldest_service_schema) values (23, 22);
