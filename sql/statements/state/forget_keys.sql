-- Forgets keys older than so many seconds.
delete from icefront.idempotency_keys where created_at < clock_timestamp() - $1::float8 * interval '1 second'
