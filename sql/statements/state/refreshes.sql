-- Refreshes of SQL models, and how far models lag behind their sources.
-- `src/state/refreshes.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: record_refresh
-- Notes a refresh at its end, and gives its id.
insert into icefront.refreshes (
  pipeline, model, run_id, attempt, state, action, reason, reading, scopes, inserted, updated, deleted, problem, started_at,
  covered_batch, target_lag_seconds
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
returning id

-- name: list_refreshes
-- Lists the refreshes of a model before an id, the latest first. Refreshes stay longer than their runs and are not listed then: it does not
-- read through them.
-- `first`: the first refresh after the pipeline's first 500 runs were accepted, nearly all of which are recent. `page`: the refreshes from there
-- on, and those before it whose run is one of these 500, because old runs stay that something needs. A clock may have been set back.
with early as (
  select id, created_at from icefront.runs where pipeline = $1 order by created_at limit 501
),
first as (
  select coalesce(
    (
      select id
      from icefront.refreshes
      where pipeline = $1 and model = $2
        and finished_at >= (select created_at from early order by created_at offset 500) - interval '1 hour'
      order by finished_at
      limit 1
    ),
    9223372036854775807
  ) as id
),
listed as not materialized (
  select
    refresh.id, refresh.run_id, run.trigger, refresh.attempt, refresh.state, refresh.action, refresh.reason, refresh.reading, refresh.scopes,
    refresh.inserted, refresh.updated, refresh.deleted, refresh.problem, refresh.started_at, refresh.finished_at,
    refresh.target_lag_seconds, refresh.pipeline, refresh.covered_batch
  from icefront.refreshes as refresh
  join icefront.runs as run on run.id = refresh.run_id
  where refresh.pipeline = $1 and refresh.model = $2 and ($3::bigint is null or refresh.id < $3)
    and ($5::text[] is null or case when cardinality($5) = 1 then refresh.state = $5[1] else refresh.state = any($5) end)
    and ($6::text[] is null or case when cardinality($6) = 1 then refresh.action = $6[1] else refresh.action = any($6) end)
    and ($7::text[] is null or run.trigger = any($7)) and ($8::uuid is null or refresh.run_id = $8)
    and ($9::timestamptz is null or refresh.started_at >= $9) and ($10::timestamptz is null or refresh.started_at < $10)
),
page as (
  (select * from listed where id >= (select id from first) order by id desc limit $4)
  union all
  (
    select *
    from listed
    where id < (select id from first) and run_id = any(array(select id from early))
    order by id desc
    limit $4
  )
)
select
  page.id, page.run_id, page.trigger, page.attempt, page.state, page.action, page.reason, page.reading, page.scopes,
  page.inserted, page.updated, page.deleted, page.problem, page.started_at, page.finished_at,
  batch.covered_until, page.target_lag_seconds
from page
left join icefront.batches as batch on batch.pipeline = page.pipeline and batch.id = page.covered_batch
order by page.id desc
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
