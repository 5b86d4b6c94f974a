-- Sums of what runs changed.
-- `src/state/changes.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: sum_changes
-- Sums changes per table and period, newest first. $6 is `run`, or `hour` or `day` in UTC.
with dated as (
  select
    *,
    case $6::text
      when 'run' then run_id::text
      else to_char(date_trunc($6::text, changed_at at time zone 'UTC'), 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    end as period,
    case $6::text
      when 'run' then changed_at
      else date_trunc($6::text, changed_at at time zone 'UTC') at time zone 'UTC'
    end as dated_at
  from icefront.changes
  where ($1::text is null or pipeline || '.' || table_name = $1)
    and changed_at >= $2 and changed_at < $3
    and ($4::uuid is null or run_id = $4)
)
select
  pipeline || '.' || table_name as "table",
  period,
  min(dated_at) as changed_at,
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
  sum(versions_removed)::bigint as versions_removed
from dated
group by pipeline, table_name, period
order by min(dated_at) desc, 1
limit $5

-- name: sum_model_changes
-- Sums changes per model and period, newest first. $6 is `run`, or `hour` or `day` in UTC. A full refresh replaces all rows, which
-- nobody counts.
with dated as (
  select
    *,
    case $6::text
      when 'run' then run_id::text
      else to_char(date_trunc($6::text, finished_at at time zone 'UTC'), 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    end as period,
    case $6::text
      when 'run' then finished_at
      else date_trunc($6::text, finished_at at time zone 'UTC') at time zone 'UTC'
    end as dated_at
  from icefront.refreshes
  where ($1::text is null or pipeline || '.' || model = $1)
    and finished_at >= $2 and finished_at < $3
    and ($4::uuid is null or run_id = $4)
    and state = 'succeeded' and action in ('incremental', 'time', 'full')
)
select
  pipeline || '.' || model as model,
  period,
  min(dated_at) as changed_at,
  count(*) as refreshes,
  count(*) filter (where action = 'full') as full_refreshes,
  coalesce(sum(inserted), 0)::bigint as inserted,
  coalesce(sum(updated), 0)::bigint as updated,
  coalesce(sum(deleted), 0)::bigint as deleted
from dated
group by pipeline, model, period
order by min(dated_at) desc, 1
limit $5
