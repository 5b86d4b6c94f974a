-- Makes the schema and waits for our turn to migrate; the lock ends with the connection.
select pg_advisory_lock(hashtextextended('icefront migrations', 0));
create schema if not exists icefront;
set search_path = icefront;
