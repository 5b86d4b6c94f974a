-- Keeps which run a key came to; one that was too old is given anew.
insert into icefront.idempotency_keys (pipeline, key, body, run_id) values ($1, $2, $3, $4)
on conflict (pipeline, key) do update set body = excluded.body, run_id = excluded.run_id, created_at = clock_timestamp()
