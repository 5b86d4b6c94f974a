-- Sums of what runs changed.
-- `src/state/changes.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: list_changes
-- Sums changes of tables and models per run, hour or day ($7, in UTC), newest first, after the sum at $8 of $9 and run $10.
-- Only tables have counts of events and versions, only models have refreshes. A full refresh replaces all rows, which nobody counts.
with changed as (
  select
    pipeline, table_name as name, true as is_table, run_id, changed_at, inserted, updated, deleted,
    published, late, superseded, delete_without_row, unchanged, truncates, truncated, read, rejected, duplicate, staged,
    versions_opened, versions_closed, versions_split, versions_changed, versions_removed,
    null::bigint as refreshes, null::bigint as full_refreshes
  from icefront.changes
  where ($1::text is null or pipeline = $1) and $3::text is null and ($2::text is null or table_name = $2)
    and ($4::timestamptz is null or changed_at >= $4) and ($5::timestamptz is null or changed_at < $5)
    and ($6::uuid is null or run_id = $6)
  union all
  select
    pipeline, model, false, run_id, finished_at, coalesce(inserted, 0), coalesce(updated, 0), coalesce(deleted, 0),
    null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    1, (action = 'full')::integer
  from icefront.refreshes
  where ($1::text is null or pipeline = $1) and $2::text is null and ($3::text is null or model = $3)
    and ($4::timestamptz is null or finished_at >= $4) and ($5::timestamptz is null or finished_at < $5)
    and ($6::uuid is null or run_id = $6)
    and state = 'succeeded' and action in ('incremental', 'time', 'full')
),
dated as (
  select
    *,
    case when $7::text = 'run' then run_id end as of_run,
    case when $7::text <> 'run' then date_trunc($7::text, changed_at at time zone 'UTC') at time zone 'UTC' end as period_start_at
  from changed
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
  from dated
  group by pipeline, name, is_table, of_run, period_start_at
)
select
  *,
  case when is_table then name end as "table",
  case when not is_table then name end as model
from sums
where $8::timestamptz is null
  or listed_at < $8
  or listed_at = $8 and (name > $9::text or name = $9 and run_id > $10::uuid)
order by listed_at desc, name, run_id
limit $11
