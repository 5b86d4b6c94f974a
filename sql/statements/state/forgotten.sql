-- Forgotten keys: rows are erased, and events of the keys are not taken again.
-- `src/state/forgotten.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: forgotten_keys
-- Lists the hashes of all forgotten keys of a pipeline, by table of the source and columns of the key.
select source_schema, source_table, key_columns, array_agg(key_hash) as hashes
from icefront.forgotten_keys
where pipeline = $1
group by source_schema, source_table, key_columns

-- name: forget_keys
-- Notes the hashes of keys of a source table as forgotten.
insert into icefront.forgotten_keys (pipeline, source_schema, source_table, key_columns, key_hash, run_id)
select $1, $2, $3, $4, hash, $5 from unnest($6::bytea[]) as asked (hash)
on conflict (pipeline, source_schema, source_table, key_hash) do update set key_columns = excluded.key_columns, run_id = excluded.run_id

-- name: forget_keys_of_runs
-- Takes the keys of a table that callers named out of the runs that have ended, out of the run $3, and out of runs that wait and name one
-- of the same keys. A run without its keys fails.
update icefront.runs set task = task - 'keys' || '{"are_keys_erased": true}'
where pipeline = $1 and task ->> 'table' = $2 and task -> 'keys' <> '[]'
  and (
    finished_at is not null or id = $3
    or exists (
      select
      from icefront.runs as forgetting
      cross join jsonb_array_elements(forgetting.task -> 'keys') as forgotten (key)
      where forgetting.id = $3 and runs.task -> 'keys' @> jsonb_build_array(forgotten.key)
    )
  )

-- name: forget_keys_of_calls
-- Takes the keys of a table out of what callers asked for under keys of idempotency. Newer calls have a hash there.
update icefront.idempotency_keys as key set body = jsonb_set(key.body, '{task,keys}', '"erased"')
from icefront.runs as run
where run.id = key.run_id and key.pipeline = $1 and key.body #>> '{task,table}' = $2
  and jsonb_typeof(key.body #> '{task,keys,0}') = 'object'

-- name: forget_details
-- Replaces the details of all problems of a pipeline by $2: Trino may have quoted a value there.
with of_runs as (
  update icefront.runs set error = jsonb_set(error, '{detail}', to_jsonb($2::text))
  where pipeline = $1 and error ? 'detail'
),
of_steps as (
  update icefront.steps as step set error = jsonb_set(step.error, '{detail}', to_jsonb($2::text))
  from icefront.runs as run
  where run.id = step.run_id and run.pipeline = $1 and step.error ? 'detail'
),
of_events as (
  update icefront.run_events as event set data = jsonb_set(event.data, '{error,detail}', to_jsonb($2::text))
  from icefront.runs as run
  where run.id = event.run_id and run.pipeline = $1 and event.data -> 'error' ? 'detail'
),
of_refreshes as (
  update icefront.refreshes set problem = jsonb_set(problem, '{detail}', to_jsonb($2::text))
  where pipeline = $1 and problem ? 'detail'
)
update icefront.deliveries set body = jsonb_set(body::jsonb, '{data,error,detail}', to_jsonb($2::text))::json
where body::jsonb #>> '{data,pipeline}' = $1 and body::jsonb #> '{data,error}' ? 'detail'
