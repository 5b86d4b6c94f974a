-- Retention: what is old enough to go, and what something still needs.
-- `src/state/retention.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: begin_maintenance
-- Notes that the daily times of a pipeline count from now on, unless they do already.
insert into icefront.pipelines (name, maintained_until) values ($1, clock_timestamp())
on conflict (name) do update set maintained_until = excluded.maintained_until
where pipelines.maintained_until is null

-- name: maintained_until
-- Finds up to when the daily times of a pipeline have had their maintenance.
select maintained_until from icefront.pipelines where name = $1 and maintained_until is not null

-- name: keep_maintenance
-- Notes that the maintenance of the daily time $3 is accepted, unless another service did so. The clock of this server may be late.
update icefront.pipelines set maintained_until = greatest(clock_timestamp(), $3) where name = $1 and maintained_until = $2

-- name: runs_in_use
-- Lists the runs of a pipeline that stay however old they are.
-- `targets`: the tables and views of Trino that the pipeline wrote, each found by one look-up.
-- `statements`: the first statement tells what a table is, the last ones whose it is and which snapshot is the pipeline's own.
-- `refreshes`: the last ones say how models stand; the last one before $2 is where their lags begin.
-- `runs`: the first one says since when tables are waited for, the last ones how long a run takes and how the pipeline stands.
with recursive targets as (
  select (select min(target) from icefront.statements where statements.pipeline = $1) as target
  union all
  select (
    select min(statements.target)
    from icefront.statements
    where statements.pipeline = $1 and statements.target > targets.target
  )
  from targets
  where targets.target is not null
),
of_statements as (
  select kept.run_id
  from targets
  cross join lateral (
    (select run_id from icefront.statements where pipeline = $1 and target = targets.target order by id limit 1)
    union all
    (select run_id from icefront.statements where pipeline = $1 and target = targets.target order by id desc limit 1)
    union all
    (
      select run_id from icefront.statements
      where pipeline = $1 and target = targets.target and step <> 'optimize' and step not like 'maintain%'
        and step not like 'erase%'
      order by id desc
      limit 1
    )
    union all
    (
      select run_id from icefront.statements
      where pipeline = $1 and target = targets.target and step = 'optimize'
      order by id desc
      limit 1
    )
    union all
    (
      select run_id from icefront.statements
      where pipeline = $1 and target = targets.target and snapshot_after is not null
      order by id desc
      limit 1
    )
    union all
    -- The first snapshot of a table that was built, or made anew.
    (
      select run_id from icefront.statements
      where pipeline = $1 and target = targets.target and snapshot_before is null and snapshot_after is not null
      order by id desc
      limit 1
    )
    union all
    (
      select run_id from icefront.statements
      where pipeline = $1 and target = targets.target and state = 'succeeded' and update_count > 0
      order by id desc
      limit 1
    )
    union all
    -- The one that made a view.
    (
      select run_id from icefront.statements
      where pipeline = $1 and target = targets.target and state = 'succeeded' and sql like '%create or replace view%'
      order by id desc
      limit 1
    )
  ) as kept
  where targets.target is not null
  union all
  -- Lost statements: nobody has found out yet what they did.
  select run_id from icefront.statements where pipeline = $1 and state = 'sent'
),
of_refreshes as (
  select kept.run_id
  from icefront.models as model
  cross join lateral (
    (select run_id from icefront.refreshes where pipeline = $1 and refreshes.model = model.name order by id desc limit 1)
    union all
    (
      select run_id from icefront.refreshes
      where pipeline = $1 and refreshes.model = model.name and state = 'succeeded'
      order by id desc
      limit 1
    )
    union all
    (
      select run_id from icefront.refreshes
      where pipeline = $1 and refreshes.model = model.name and state = 'succeeded' and covered_batch is not null
      order by id desc
      limit 1
    )
    union all
    (
      select run_id from icefront.refreshes
      where pipeline = $1 and refreshes.model = model.name and state = 'succeeded' and covered_batch is not null and finished_at < $2
      order by id desc
      limit 1
    )
    union all
    (
      select run_id from icefront.refreshes
      where pipeline = $1 and refreshes.model = model.name
        and (action in ('incremental', 'full', 'time') or action = 'view' and refreshes.reason is not null)
      order by id desc
      limit 1
    )
    union all
    (
      select run_id from icefront.refreshes
      where pipeline = $1 and refreshes.model = model.name and refreshes.reading is not null
      order by id desc
      limit 1
    )
  ) as kept
  where model.pipeline = $1
),
of_runs as (
  (select id as run_id from icefront.runs where pipeline = $1 order by id limit 1)
  union all
  (select id from icefront.runs where pipeline = $1 and task ->> 'kind' <> 'maintenance' order by id desc limit 20)
  union all
  (select id from icefront.runs where pipeline = $1 and state = 'succeeded' order by id desc limit 1)
  union all
  (select id from icefront.runs where pipeline = $1 and state = 'succeeded' and task ->> 'kind' = 'build' order by id desc limit 20)
  union all
  (
    select id
    from icefront.runs
    where pipeline = $1 and state in ('succeeded', 'failed', 'cancelled') and task ->> 'kind' <> 'maintenance'
    order by id desc
    limit 1
  )
  union all
  -- The next verification counts them.
  (
    select id from icefront.runs
    where pipeline = $1 and state = 'succeeded' and task ->> 'kind' in ('build', 'resync', 'reset')
    order by id desc
    limit $3
  )
  union all
  (
    select run.id
    from icefront.runs as run
    join icefront.steps as step on step.run_id = run.id
    where run.pipeline = $1 and step.name like 'verify.%' and step.state = 'succeeded'
    order by run.id desc
    limit 1
  )
  union all
  -- Those that first saw a difference of the source which is still there.
  select (seen.difference ->> 'run_id')::uuid
  from icefront.tables as known, jsonb_array_elements(known.drift) as seen (difference)
  where known.pipeline = $1 and seen.difference ->> 'run_id' is not null
)
select run_id from of_statements
union
select run_id from of_refreshes
union
select run_id from of_runs

-- name: count_old_runs
-- Counts the runs of a pipeline that ended before $2, without those in $3 and those that a key younger than $4 leads to.
select count(*) as found
from icefront.runs
where pipeline = $1 and finished_at < $2 and state in ('succeeded', 'failed', 'cancelled') and id <> all($3::uuid[])
  and not exists (
    select from icefront.idempotency_keys as key where key.run_id = runs.id and key.created_at >= $4::timestamptz
  )

-- name: delete_old_runs
-- Deletes at most $5 of the runs that `count_old_runs` counts, with their steps, statements, events and results of tests.
delete from icefront.runs
where id in (
  select id
  from icefront.runs as old
  where old.pipeline = $1 and old.finished_at < $2 and old.state in ('succeeded', 'failed', 'cancelled') and old.id <> all($3::uuid[])
    and not exists (
      select from icefront.idempotency_keys as key where key.run_id = old.id and key.created_at >= $4::timestamptz
    )
  order by old.finished_at
  limit $5
)
  -- A caller may have retried it meanwhile.
  and state in ('succeeded', 'failed', 'cancelled')

-- name: count_old_events
-- Counts the events of the runs of a pipeline that ended before $2. The last event of a run stays: whoever follows it waits for that.
select count(*) as found
from icefront.runs
join icefront.run_events as event on event.run_id = runs.id and event.number < runs.last_event
where runs.pipeline = $1 and runs.finished_at < $2 and runs.state in ('succeeded', 'failed', 'cancelled')

-- name: delete_old_events
-- Deletes at most $3 of the events that `count_old_events` counts.
delete from icefront.run_events
where (run_id, number) in (
  select event.run_id, event.number
  from icefront.runs
  join icefront.run_events as event on event.run_id = runs.id and event.number < runs.last_event
  where runs.pipeline = $1 and runs.finished_at < $2 and runs.state in ('succeeded', 'failed', 'cancelled')
  limit $3
)

-- name: count_old_sql
-- Counts the statements of a pipeline that were noted before $2 and have their text. The text of lost statements stays, and
-- that of the last statement which made a view: it tells whose the view is.
select count(*) as found
from icefront.statements as old
where old.pipeline = $1 and old.started_at < $2 and old.sql <> '' and old.state <> 'sent'
  and (
    old.sql not like '%create or replace view%'
    or exists (
      select from icefront.statements as later
      where later.pipeline = old.pipeline and later.target = old.target and later.id > old.id
        and later.state = 'succeeded' and later.sql like '%create or replace view%'
    )
  )

-- name: forget_old_sql
-- Empties the text of at most $3 of the statements that `count_old_sql` counts.
update icefront.statements set sql = ''
where id in (
  select id
  from icefront.statements as old
  where old.pipeline = $1 and old.started_at < $2 and old.sql <> '' and old.state <> 'sent'
    and (
      old.sql not like '%create or replace view%'
      or exists (
        select from icefront.statements as later
        where later.pipeline = old.pipeline and later.target = old.target and later.id > old.id
          and later.state = 'succeeded' and later.sql like '%create or replace view%'
      )
    )
  order by old.started_at
  limit $3
)

-- name: count_old_publications
-- Counts the publications of a pipeline before $2, without the last one of each table or model and those that its consumers still
-- read. A consumer that was silent since $2 keeps none.
with first_kept as (
  select
    publication.name,
    least(
      coalesce(min(publication.id) filter (where publication.published_at >= $2::timestamptz), max(publication.id)),
      (
        select min(consumer.publication)
        from icefront.consumers as consumer
        where consumer.pipeline = $1 and consumer.of_name = publication.name
          and coalesce(consumer.moved_at, consumer.created_at) >= $2
      )
    ) as id
  from icefront.publications as publication
  where publication.pipeline = $1
  group by publication.name
)
select count(*) as found
from icefront.publications as old
join first_kept on first_kept.name = old.name
where old.pipeline = $1 and old.published_at < $2 and old.id < first_kept.id

-- name: delete_old_publications
-- Deletes at most $3 of the publications that `count_old_publications` counts.
with first_kept as (
  select
    publication.name,
    least(
      coalesce(min(publication.id) filter (where publication.published_at >= $2::timestamptz), max(publication.id)),
      (
        select min(consumer.publication)
        from icefront.consumers as consumer
        where consumer.pipeline = $1 and consumer.of_name = publication.name
          and coalesce(consumer.moved_at, consumer.created_at) >= $2
      )
    ) as id
  from icefront.publications as publication
  where publication.pipeline = $1
  group by publication.name
),
with_columns as (
  select
    first_kept.name, first_kept.id,
    (
      select made.id
      from icefront.publications as made
      where made.pipeline = $1 and made.name = first_kept.name and made.id <= first_kept.id and made.columns is not null
      order by made.id desc
      limit 1
    ) as columns_id
  from first_kept
),
old as (
  select old.name, old.id
  from icefront.publications as old
  join with_columns on with_columns.name = old.name
  where old.pipeline = $1 and old.published_at < $2 and old.id < with_columns.id
  limit $3
),
-- The first one that stays has the columns then.
moved as (
  update icefront.publications as kept
  set columns = made.columns
  from with_columns
  join icefront.publications as made
    on made.pipeline = $1 and made.name = with_columns.name and made.id = with_columns.columns_id
  where kept.pipeline = $1 and kept.name = with_columns.name and kept.id = with_columns.id and kept.columns is null
)
delete from icefront.publications
using old
where publications.pipeline = $1 and publications.name = old.name and publications.id = old.id

-- name: count_old_refreshes
-- Counts the refreshes of a pipeline that ended before $2 and whose run is gone.
select count(*) as found
from icefront.refreshes
where pipeline = $1 and finished_at < $2 and not exists (select from icefront.runs where runs.id = refreshes.run_id)

-- name: delete_old_refreshes
-- Deletes at most $3 of the refreshes that `count_old_refreshes` counts.
delete from icefront.refreshes
where id in (
  select old.id
  from icefront.refreshes as old
  where old.pipeline = $1 and old.finished_at < $2 and not exists (select from icefront.runs where runs.id = old.run_id)
  limit $3
)

-- name: count_old_changes
-- Counts the sums of changes of a pipeline before $2 that are put together with another one of the same table and day.
select coalesce(sum(of_day.sums - 1), 0)::bigint as found
from (
  select count(*) as sums
  from icefront.changes
  where pipeline = $1 and changed_at < $2
  group by table_name, date_trunc('day', changed_at, 'UTC')
) as of_day

-- name: put_days_together
-- Puts the sums of changes before $2 together: one of each table and day. It takes at most $3 days of tables.
with days as (
  select table_name, date_trunc('day', changed_at, 'UTC') as day
  from icefront.changes
  where pipeline = $1 and changed_at < $2
  group by 1, 2
  having count(*) > 1
  limit $3
),
gone as (
  delete from icefront.changes
  using days
  where changes.pipeline = $1 and changes.table_name = days.table_name
    and changes.changed_at >= days.day and changes.changed_at < days.day + interval '24 hours'
  returning changes.*, days.day
)
insert into icefront.changes (
  run_id, pipeline, table_name, batch_id, changed_at,
  inserted, updated, deleted, read, rejected, duplicate, staged, published, late, superseded, delete_without_row, unchanged,
  truncates, truncated, versions_opened, versions_closed, versions_split, versions_changed, versions_removed
)
select
  (array_agg(run_id order by batch_id desc))[1], pipeline, table_name, max(batch_id), min(changed_at),
  sum(inserted), sum(updated), sum(deleted), sum(read), sum(rejected), sum(duplicate), sum(staged), sum(published), sum(late),
  sum(superseded), sum(delete_without_row), sum(unchanged), sum(truncates), sum(truncated), sum(versions_opened), sum(versions_closed),
  sum(versions_split), sum(versions_changed), sum(versions_removed)
from gone
group by pipeline, table_name, day

-- name: snapshots_in_use
-- Lists the Iceberg snapshots that something may still read: those of the last publications, those that models read last or
-- are about to, and those of consumers that asked since $2. Models of other pipelines may read tables of this one.
select pipeline, null::text as model, snapshot
from icefront.tables, unnest(array[current_snapshot, history_snapshot]) as snapshot
where pipeline = $1 and snapshot is not null
union all
select model.pipeline, model.name, used.snapshot
from icefront.models as model
cross join lateral (
  select unnest(array[model.snapshot, model.changes_since]) as snapshot
  union all
  select input.value ->> 'snapshot'
  from jsonb_each(
    case when jsonb_typeof(model.reading -> 'inputs') = 'object' then model.reading -> 'inputs' end
  ) as input (name, value)
  union all
  select input.value ->> 'snapshot'
  from jsonb_each(
    case when jsonb_typeof(model.sent -> 'reading' -> 'inputs') = 'object' then model.sent -> 'reading' -> 'inputs' end
  ) as input (name, value)
) as used
where used.snapshot is not null
union all
select publication.pipeline, null, publication.snapshot
from icefront.consumers as consumer
join icefront.publications as publication
  on publication.pipeline = consumer.pipeline and publication.name = consumer.of_name and publication.id = consumer.publication
where consumer.pipeline = $1 and coalesce(consumer.moved_at, consumer.created_at) >= $2
