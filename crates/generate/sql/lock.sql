-- Waits for our turn: two generators at once would both find the tables missing.
select pg_advisory_xact_lock(hashtextextended('icefront generate', 0))
