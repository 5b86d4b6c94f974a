-- Forgotten keys: rows are erased, and events of the keys are not taken again.
-- `src/state/forgotten.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: forgotten_keys
-- Lists the hashes of all forgotten keys of a pipeline, with the names of their tables.
select table_name, key_hash from icefront.forgotten_keys where pipeline = $1

-- name: forget_keys
-- Notes the hashes of keys of a table as forgotten.
insert into icefront.forgotten_keys (pipeline, table_name, key_hash, run_id)
select $1, $2, hash, $3 from unnest($4::bytea[]) as asked (hash)
on conflict do nothing

-- name: forget_keys_of_runs
-- Takes the keys of a table that callers named out of the runs that have ended, and out of the run $3.
update icefront.runs set task = task - 'keys'
where pipeline = $1 and task ->> 'table' = $2 and task ? 'keys'
  and (finished_at is not null or id = $3)
