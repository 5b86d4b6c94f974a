-- SQL models: what their tables were made by, and their refreshes.
-- `src/state/models.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: read_model
-- Reads what is known of a model.
select made_of, columns, reading, sent, snapshot, changes_since, rows, covered_batch, is_suspended
from icefront.models
where pipeline = $1 and name = $2

-- name: read_models
-- Reads what is known of some models.
select pipeline, name, made_of, columns, reading, sent, snapshot, changes_since, rows, covered_batch, is_suspended
from icefront.models
join unnest($1::text[], $2::text[]) as asked (pipeline, name) using (pipeline, name)

-- name: suspended_models
-- Lists the models that runs leave out.
select pipeline, name from icefront.models where is_suspended

-- name: begin_refresh
-- Notes what a refresh is about to publish, before its statement is sent.
insert into icefront.models (pipeline, name, sent) values ($1, $2, $3)
on conflict (pipeline, name) do update set sent = excluded.sent

-- name: forget_changes
-- Notes that the table of changes is about to be written, so that nothing is read from it until its refresh is recorded.
update icefront.models set changes_since = null where pipeline = $1 and name = $2

-- name: forget_reading
-- Notes that nobody knows what a model's table holds. The next refresh builds it again.
update icefront.models set reading = null, sent = null, changes_since = null where pipeline = $1 and name = $2

-- name: forget_sent
-- Notes that the statement that was about to be sent published nothing.
update icefront.models set sent = null where pipeline = $1 and name = $2

-- name: record_refreshed
-- Notes what a model's table holds after a refresh. $6 is null if the table did not change; $7 is null if no table of
-- changes leads to it.
insert into icefront.models (pipeline, name, made_of, columns, reading, snapshot, changes_since, rows, covered_batch)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (pipeline, name) do update
set made_of = excluded.made_of, columns = excluded.columns, reading = excluded.reading, sent = null,
  snapshot = coalesce(excluded.snapshot, models.snapshot), changes_since = excluded.changes_since,
  rows = coalesce(excluded.rows, models.rows), covered_batch = excluded.covered_batch

-- name: record_covered
-- Notes that a model's table holds everything up to a batch, because no batch since the last refresh changes it.
update icefront.models set covered_batch = $3 where pipeline = $1 and name = $2

-- name: suspend_model
-- Notes whether a model is left out of runs.
insert into icefront.models (pipeline, name, is_suspended) values ($1, $2, $3)
on conflict (pipeline, name) do update set is_suspended = excluded.is_suspended

-- name: record_refresh
-- Notes a refresh at its end, and gives its id.
insert into icefront.refreshes (
  pipeline, model, run_id, attempt, state, action, reason, reading, scopes, inserted, updated, deleted, problem, started_at,
  covered_batch, target_lag_seconds
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
returning id

-- name: list_refreshes
-- Lists the refreshes of a model before an id, the latest first.
select
  refresh.id, refresh.run_id, run.trigger, refresh.attempt, refresh.state, refresh.action, refresh.reason, refresh.reading, refresh.scopes,
  refresh.inserted, refresh.updated, refresh.deleted, refresh.problem, refresh.started_at, refresh.finished_at,
  batch.covered_until, refresh.target_lag_seconds
from icefront.refreshes as refresh
join icefront.runs as run on run.id = refresh.run_id
left join icefront.batches as batch on batch.pipeline = refresh.pipeline and batch.id = refresh.covered_batch
where refresh.pipeline = $1 and refresh.model = $2 and ($3::bigint is null or refresh.id < $3)
  and ($5::text[] is null or refresh.state = any($5)) and ($6::text[] is null or refresh.action = any($6))
  and ($7::text[] is null or run.trigger = any($7)) and ($8::uuid is null or refresh.run_id = $8)
  and ($9::timestamptz is null or refresh.started_at >= $9) and ($10::timestamptz is null or refresh.started_at < $10)
order by refresh.id desc
limit $4

-- name: last_refresh
-- Finds how the last refresh of a model ended, and when the run of the last one that succeeded began.
select
  (select state from icefront.refreshes where pipeline = $1 and model = $2 order by id desc limit 1) as state,
  (
    select run.started_at
    from icefront.refreshes as refresh
    join icefront.runs as run on run.id = refresh.run_id
    where refresh.pipeline = $1 and refresh.model = $2 and refresh.state = 'succeeded'
    order by refresh.id desc
    limit 1
  ) as succeeded_at

-- name: last_refreshes
-- Finds for some models what `last_refresh` finds for one.
select
  asked.pipeline, asked.name,
  (
    select state
    from icefront.refreshes
    where pipeline = asked.pipeline and model = asked.name
    order by id desc
    limit 1
  ) as state,
  (
    select run.started_at
    from icefront.refreshes as refresh
    join icefront.runs as run on run.id = refresh.run_id
    where refresh.pipeline = asked.pipeline and refresh.model = asked.name and refresh.state = 'succeeded'
    order by refresh.id desc
    limit 1
  ) as succeeded_at
from unnest($1::text[], $2::text[]) as asked (pipeline, name)

-- name: last_sending_run
-- Finds the run of the last refresh of a model that sent statements which write.
select run_id
from icefront.refreshes
where pipeline = $1 and model = $2
  and (action in ('incremental', 'full', 'time') or action = 'view' and reason is not null)
order by id desc
limit 1

-- name: lags_since
-- Measures the lags of some models since $4, in seconds: mean, maximum, and the share of the time within their target lags $3.
--
-- A table lags from the time on up to which its batches were complete. Until the next batch, polls move this time on.
-- `held`: from when to when the table held each refresh, from the last one before $4 on. `complete`: the time up to which these rows
-- were complete: where the next batch begins, or where the cursor is. Between two refreshes the lag grows by one second a second, from
-- `smallest` to `largest`; the integral of such a lag is (largest² − smallest²) / 2.
select asked.pipeline, asked.name, measured.*
from unnest($1::text[], $2::text[], $3::float8[]) as asked (pipeline, name, target)
cross join lateral (
  with held as (
    select
      covered_batch, finished_at as began,
      coalesce(lead(finished_at) over (order by id), clock_timestamp()) as ended
    from icefront.refreshes
    where pipeline = asked.pipeline and model = asked.name and state = 'succeeded' and covered_batch is not null
      and id >= coalesce(
        (
          select max(id) from icefront.refreshes
          where pipeline = asked.pipeline and model = asked.name and state = 'succeeded' and covered_batch is not null and finished_at <= $4
        ),
        0
      )
  ),
  complete as materialized (
    select
      greatest(began, $4) as began, ended,
      coalesce(
        (
          select covered_from
          from icefront.batches
          where pipeline = asked.pipeline and state = 'landed' and id > held.covered_batch
          order by id
          limit 1
        ),
        (select covered_until from icefront.cursors where pipeline = asked.pipeline)
      ) as complete_until
    from held
  ),
  lags as (
    select
      extract(epoch from began - complete_until)::float8 as smallest,
      extract(epoch from ended - complete_until)::float8 as largest
    from complete
    where ended > began
  )
  select
    sum((greatest(largest, 0) ^ 2 - greatest(smallest, 0) ^ 2) / 2) / sum(largest - smallest) as mean,
    max(greatest(largest, 0)) as maximum,
    case when asked.target is not null then
      sum(greatest(least(asked.target, largest) - smallest, 0)) / sum(largest - smallest)
    end as share_within_target
  from lags
) as measured
