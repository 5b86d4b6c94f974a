-- Sums of what runs changed.
-- `src/state/changes.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: list_changes
-- Sums changes of tables and models per run, hour or day ($7, in UTC), newest first, after the sum at $8 of $9 and run $10.
-- Only tables have counts of events and versions, only models have refreshes. A full refresh replaces all rows, which nobody counts.
-- It reads no more than the sums of the page need, however many changes there are.
-- `began`: the first change of each run and table or model, as many as the page takes. `periods`: as many hours or days, the newest first, as
-- have the sums of the page; it begins at the end of the period of the last sum before the page.
with recursive counted as not materialized (
  select
    pipeline, table_name as name, true as is_table, run_id, batch_id as number, changed_at, true as has_counts, inserted, updated, deleted,
    published, late, superseded, delete_without_row, unchanged, truncates, truncated, read, rejected, duplicate, staged,
    versions_opened, versions_closed, versions_split, versions_changed, versions_removed,
    null::bigint as refreshes, null::bigint as full_refreshes
  from icefront.changes
  union all
  select
    pipeline, model, false, run_id, id, finished_at, state = 'succeeded' and action in ('incremental', 'time', 'full'),
    coalesce(inserted, 0), coalesce(updated, 0), coalesce(deleted, 0),
    null::bigint, null::bigint, null::bigint, null::bigint, null::bigint, null::bigint, null::bigint, null::bigint,
    null::bigint, null::bigint, null::bigint, null::bigint, null::bigint, null::bigint, null::bigint, null::bigint,
    1::bigint, (action = 'full')::integer::bigint
  from icefront.refreshes
),
changed as not materialized (
  select *
  from counted
  where has_counts and ($1::text is null or pipeline = $1)
    and ($2::text is null or is_table and name = $2) and ($3::text is null or not is_table and name = $3)
    and ($4::timestamptz is null or changed_at >= $4) and ($5::timestamptz is null or changed_at < $5)
    and ($6::uuid is null or run_id = $6) and ($12::text[] is null or pipeline = any($12))
),
began as (
  select pipeline, name, is_table, run_id, changed_at
  from changed
  where $7::text = 'run'
    and not exists (
      select from changed as earlier
      where earlier.run_id = changed.run_id and earlier.pipeline = changed.pipeline and earlier.name = changed.name
        and earlier.is_table = changed.is_table and (earlier.changed_at, earlier.number) < (changed.changed_at, changed.number)
      -- So it stays a look-up for each row of the page; as a join it would read all changes.
      offset 0
    )
    and (
      $8::timestamptz is null
      or changed_at <= $8
      and (changed_at < $8 or pipeline || '.' || name > $9::text or pipeline || '.' || name = $9 and run_id > $10::uuid)
    )
  order by changed_at desc, pipeline || '.' || name, run_id
  limit $11
),
periods as (
  select
    coalesce($8 + case $7 when 'hour' then interval '1 hour' else interval '24 hours' end, $5, 'infinity') as began_at,
    0::bigint as sums
  where $7 <> 'run'
  union all
  select newest.began_at, periods.sums + counted.sums
  from periods
  cross join lateral (
    select date_trunc($7, changed_at, 'UTC') as began_at
    from changed
    where changed_at < periods.began_at
    order by changed_at desc
    limit 1
  ) as newest
  cross join lateral (
    select count(*) as sums
    from (
      select distinct pipeline, name, is_table
      from changed
      where changed_at >= newest.began_at and changed_at < periods.began_at
        and ($8 is null or newest.began_at < $8 or pipeline || '.' || name > $9)
    ) as named
  ) as counted
  where periods.sums < $11
),
taken as (
  select same.*, same.run_id as of_run, null::timestamptz as period_start_at
  from began
  cross join lateral (
    select *
    from changed
    where changed.run_id = began.run_id and changed.pipeline = began.pipeline and changed.name = began.name
      and changed.is_table = began.is_table
    -- A look-up for each sum, as above.
    offset 0
  ) as same
  union all
  select changed.*, null, date_trunc($7, changed_at, 'UTC')
  from changed
  where $7 <> 'run' and changed_at >= (select min(began_at) from periods) and changed_at < (select max(began_at) from periods)
    and ($8 is null or changed_at < $8 or pipeline || '.' || name > $9)
),
sums as (
  select
    pipeline,
    pipeline || '.' || name as name,
    is_table,
    of_run as run_id,
    period_start_at,
    min(changed_at) as changed_at,
    coalesce(period_start_at, min(changed_at)) as listed_at,
    sum(inserted)::bigint as inserted,
    sum(updated)::bigint as updated,
    sum(deleted)::bigint as deleted,
    sum(published)::bigint as published,
    sum(late)::bigint as late,
    sum(superseded)::bigint as superseded,
    sum(delete_without_row)::bigint as delete_without_row,
    sum(unchanged)::bigint as unchanged,
    sum(truncates)::bigint as truncates,
    sum(truncated)::bigint as truncated,
    sum(read)::bigint as read,
    sum(rejected)::bigint as rejected,
    sum(duplicate)::bigint as duplicate,
    sum(staged)::bigint as staged,
    sum(versions_opened)::bigint as versions_opened,
    sum(versions_closed)::bigint as versions_closed,
    sum(versions_split)::bigint as versions_split,
    sum(versions_changed)::bigint as versions_changed,
    sum(versions_removed)::bigint as versions_removed,
    sum(refreshes)::bigint as refreshes,
    sum(full_refreshes)::bigint as full_refreshes
  from taken
  group by pipeline, name, is_table, of_run, period_start_at
)
select
  *,
  case when is_table then name end as "table",
  case when not is_table then name end as model
from sums
order by listed_at desc, name, run_id
limit $11
