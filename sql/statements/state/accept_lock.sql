-- Lets callers that start a run of one pipeline take turns, so that each sees what the one before was given.
select pg_advisory_xact_lock(hashtextextended('icefront accepts ' || $1::text, 0))
