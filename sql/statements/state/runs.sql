-- Runs: read, claimed by a worker, ended.
-- `src/state/runs.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: read_run
-- Reads one run, with the differences of the source that it was the first to see.
select
  id, pipeline, state, trigger, request, attempt, created_at, started_at, finished_at, counts, error, task,
  requested_by, cancel_requested_at, lost, first_attempt, scheduled_for, traceparent,
  (
    select coalesce(
      jsonb_agg(
        seen.difference || jsonb_build_object('table', known.pipeline || '.' || known.name)
        order by known.name
      ),
      '[]'
    )
    from icefront.tables as known, jsonb_array_elements(known.drift) as seen (difference)
    where known.pipeline = runs.pipeline and seen.difference ->> 'run_id' = runs.id::text
  ) as drift
from icefront.runs
where id = $1

-- name: list_runs
-- Lists runs as `read_run` reads one, newest first, older than run $3 and younger than run $4 if these are given.
-- An index gives the runs in the order of the list only if a filter has one value. So a filter with one is compared by `=`.
with page as (
  select
    id, pipeline, state, trigger, request, attempt, created_at, started_at, finished_at, counts, error, task,
    requested_by, cancel_requested_at, lost, first_attempt, scheduled_for, traceparent
  from icefront.runs
  where ($1::text is null or pipeline = $1)
    and ($2::text[] is null or case when cardinality($2) = 1 then state = $2[1] else state = any($2) end)
    and ($3::uuid is null or id < $3) and ($4::uuid is null or id > $4)
    and ($5::text[] is null or case when cardinality($5) = 1 then trigger = $5[1] else trigger = any($5) end)
    and ($6::text[] is null or case when cardinality($6) = 1 then task ->> 'kind' = $6[1] else task ->> 'kind' = any($6) end)
    and ($7::text is null or task ->> 'table' = $7) and ($8::text is null or task ->> 'model' = $8)
    and ($9::timestamptz is null or created_at >= $9) and ($10::timestamptz is null or created_at < $10)
    and ($11::jsonb is null or request -> 'labels' @> $11 and request -> 'labels' <> '{}')
    and ($13::text[] is null or case when cardinality($13) = 1 then pipeline = $13[1] else pipeline = any($13) end)
  order by id desc
  limit $12
),
seen as (
  select
    found.difference ->> 'run_id' as run_id,
    jsonb_agg(found.difference || jsonb_build_object('table', known.pipeline || '.' || known.name) order by known.name) as drift
  from icefront.tables as known, jsonb_array_elements(known.drift) as found (difference)
  where known.drift <> '[]' and known.pipeline in (select pipeline from page)
  group by found.difference ->> 'run_id'
)
select page.*, coalesce(seen.drift, '[]') as drift
from page
left join seen on seen.run_id = page.id::text
order by page.id desc

-- name: pipeline_of_run
-- Finds the pipeline of a run.
select pipeline from icefront.runs where id = $1

-- name: activities
-- Finds for some pipelines the states of the active run and of the last run that ended and was no maintenance, when the first one was accepted, the last
-- batch that landed, and up to when the source was read while a transaction held it back.
select
  asked.pipeline,
  (
    select state
    from icefront.runs
    where pipeline = asked.pipeline and state in ('queued', 'running')
    order by state = 'running' desc, id
    limit 1
  ) as active,
  (
    select state
    from icefront.runs
    where pipeline = asked.pipeline and state in ('succeeded', 'failed', 'cancelled') and task ->> 'kind' <> 'maintenance'
    order by id desc
    limit 1
  ) as ended,
  (select created_at from icefront.runs where pipeline = asked.pipeline order by id limit 1) as first_accepted_at,
  (
    select coalesce(max(id), 0) from icefront.batches where pipeline = asked.pipeline and state = 'landed'
  ) as last_landed,
  (
    select covered_until from icefront.cursors where pipeline = asked.pipeline and blocked_by is not null
  ) as blocked_at
from unnest($1::text[]) as asked (pipeline)

-- name: runs_of_pipelines
-- Finds for some pipelines the last run that ended, and the active run.
select
  asked.pipeline, last.id as last_id, last.state as last_state, last.finished_at as last_finished_at,
  active.id as active_id, active.state as active_state
from unnest($1::text[]) as asked (pipeline)
left join lateral (
  select id, state, finished_at
  from icefront.runs
  where pipeline = asked.pipeline and state in ('succeeded', 'failed', 'cancelled')
  order by id desc
  limit 1
) as last on true
left join lateral (
  select id, state
  from icefront.runs
  where pipeline = asked.pipeline and state in ('queued', 'running')
  order by state = 'running' desc, id
  limit 1
) as active on true

-- name: waiting_pipelines
-- Lists the pipelines that have a run to execute, and whether a run of theirs needs no definition: it is to be cancelled, or
-- deletes what is left of a table or model.
select
  pipeline,
  bool_or(cancel_requested_at is not null or task ->> 'kind' in ('delete', 'delete_model')) as needs_no_definition
from icefront.runs
where state in ('queued', 'running')
group by pipeline

-- name: claim_run
-- Takes the next run of a pipeline whose lease we hold: first one that a lost service left running, then one that was
-- begun. A service that cannot execute the pipeline ($2 is false) takes only runs that are to be cancelled, and deletions
-- while no other run was left running.
update icefront.runs
set state = 'running', attempt = attempt + 1, lost = lost + 1, started_at = coalesce(started_at, clock_timestamp())
where id = (
  select id from icefront.runs
  where pipeline = $1 and state in ('running', 'queued')
    and ($2 or cancel_requested_at is not null or task ->> 'kind' in ('delete', 'delete_model') and (
      state = 'running'
      or not exists (select from icefront.runs as left_running where left_running.pipeline = $1 and left_running.state = 'running')
    ))
  order by state = 'running' desc, attempt > 0 desc, id
  limit 1
)
  -- A caller may have cancelled it meanwhile.
  and state in ('running', 'queued')
returning
  id, pipeline, state, trigger, request, attempt, created_at, started_at, finished_at, counts, error, task,
  requested_by, cancel_requested_at, lost, first_attempt, scheduled_for, traceparent, '[]'::jsonb as drift

-- name: now
-- The database's time.
select clock_timestamp() as now

-- name: hand_back_run
-- Gives an attempt of a run back, so that any service can take it.
update icefront.runs set state = 'queued', lost = 0 where id = $1 and attempt = $2 and state = 'running'

-- name: record_failed_attempt
-- Records that the attempt ended by a temporary fault, so it is not lost.
update icefront.runs set lost = 0 where id = $1 and attempt = $2

-- name: finish_run
-- Ends a run, unless its next attempt was begun. Its counts are those of its steps, each in its last attempt that
-- succeeded. Counts of events and rows come from what was recorded with them: an attempt may be lost after that and
-- before its own end.
update icefront.runs
set state = $3, error = $4, finished_at = clock_timestamp(),
  counts = (
    -- Only the last attempt counts: tests, repairs and verifications are done again by a later one.
    with steps as (
      select distinct on (name) name, counts
      from icefront.steps
      where run_id = $1 and state = 'succeeded' and name <> 'optimize'
      order by name, attempt desc
    ),
    -- The counts that the steps gave.
    counted as (
      select count.key as name, sum(count.value::text::bigint) as total
      from steps, jsonb_each(steps.counts) as count
      group by count.key
    ),
    -- The counts that were recorded in the same transactions as the changes. A restage records no events.
    recorded as (
      select count.key as name, sum(count.value::text::bigint) as total
      from icefront.changes, jsonb_each(
        to_jsonb(changes) - array['run_id', 'pipeline', 'table_name', 'batch_id', 'changed_at']
      ) as count
      where changes.run_id = $1 and jsonb_typeof(count.value) = 'number'
      group by count.key
      union all
      select count.key, sum(count.value::text::bigint)
      from icefront.batches, jsonb_each(jsonb_build_object('events', events, 'files', files, 'bytes', bytes)) as count
      where batches.run_id = $1 and batches.state = 'landed'
        and exists (select from icefront.steps where run_id = $1 and name = 'extract')
      group by count.key
    )
    select coalesce(jsonb_object_agg(name, coalesce(nullif(recorded.total, 0), counted.total, 0)), '{}')
    from counted full join recorded using (name)
    where counted.name is not null or recorded.total <> 0
  )
where id = $1 and attempt = $2 and state = 'running'
returning finished_at

-- name: runs_since_verified
-- Counts the runs of a pipeline that succeeded since tables were last compared with their typed logs.
select count(*) as runs
from icefront.runs
where pipeline = $1 and state = 'succeeded' and task ->> 'kind' in ('build', 'resync', 'reset') and id > coalesce(
  (
    select run.id
    from icefront.runs as run
    join icefront.steps as step on step.run_id = run.id
    where run.pipeline = $1 and step.name like 'verify.%' and step.state = 'succeeded'
    order by run.id desc
    limit 1
  ),
  '00000000-0000-0000-0000-000000000000'
)
