-- Finds the run that a key came to, and whether it was asked for by the same body; not by a key older than so many seconds.
select run_id, body = $3 from icefront.idempotency_keys
where pipeline = $1 and key = $2 and created_at > clock_timestamp() - $4::float8 * interval '1 second'
