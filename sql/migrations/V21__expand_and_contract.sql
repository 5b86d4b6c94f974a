-- expands: a service of version 20 runs on it
-- Which services may run on the schema that a newer one made.

-- A migration that leaves everything that an older service needs adds its row here. Without a row, older services refuse the schema.
create table icefront.expansions (
  version integer primary key,
  -- The version of the oldest service that may run on the schema after this migration.
  oldest_service_schema integer not null check (oldest_service_schema < version)
);

insert into icefront.expansions (version, oldest_service_schema) values (21, 20);
