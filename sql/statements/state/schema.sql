-- The schema itself, and the sessions that work on it.
-- `src/state/mod.rs` takes each by its name: the line `-- name: …` above it.

-- name: session
-- Limits idle transactions and waits for locks, so that a frozen service does not block the others. To compile a statement would take longer
-- than any of ours does. What is asked for is in memory or on a disk without heads, where a page costs the same wherever it is: else Postgres
-- reads the changes of all pipelines instead of picking those of one.
set idle_in_transaction_session_timeout = '5s';
set lock_timeout = '10s';
set statement_timeout = 0;
set jit = off;
set random_page_cost = 1.1

-- name: session_for_calls
-- As `session`, for what callers ask: no question occupies a connection for longer than this.
set idle_in_transaction_session_timeout = '5s';
set lock_timeout = '10s';
set statement_timeout = '20s';
set jit = off;
set random_page_cost = 1.1

-- name: migration_lock
-- Waits for our turn to migrate, and creates the schema if it is missing: who owns it needs no right on the database. The lock ends with
-- the connection.
select pg_advisory_lock(hashtextextended('icefront migrations', 0));
do $$
begin
  if to_regnamespace('icefront') is null then
    create schema icefront;
  end if;
end $$;
set search_path = icefront;

-- name: applied_migrations
-- Lists the migrations that were done, the oldest first.
select version, name, checksum from icefront.refinery_schema_history order by version

-- name: oldest_service
-- Finds the oldest service that may run on the schema as it is: the version that it knows. No row if the last migration is no expansion.
select oldest_service_schema
from icefront.expansions
where version = (select max(version) from icefront.refinery_schema_history)
