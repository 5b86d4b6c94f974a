-- Takes a pipeline's lease for as long as the connection lives, if nobody has it.
select pg_try_advisory_lock(hashtextextended('icefront pipeline ' || $1::text, 0))
