-- The schema itself, and the sessions that work on it.
-- `src/state/mod.rs` takes each by its name: the line `-- name: …` above it.

-- name: session
-- Limits idle transactions and waits for locks, so that a frozen service does not block the others. To compile a statement would take longer
-- than any of ours does.
set idle_in_transaction_session_timeout = '5s';
set lock_timeout = '10s';
set jit = off

-- name: migration_lock
-- Creates the schema and waits for our turn to migrate. The lock ends with the connection.
select pg_advisory_lock(hashtextextended('icefront migrations', 0));
create schema if not exists icefront;
set search_path = icefront;

-- name: ready
-- Fails if the schema is missing.
select count(*) as cursors from icefront.cursors
