-- Sums the changes of each table by run, newest first.
select
  pipeline || '.' || table_name,
  run_id::text,
  min(changed_at),
  sum(inserted)::bigint, sum(updated)::bigint, sum(deleted)::bigint,
  sum(published)::bigint, sum(late)::bigint, sum(superseded)::bigint,
  sum(delete_without_row)::bigint, sum(unchanged)::bigint,
  sum(truncates)::bigint, sum(truncated)::bigint,
  sum(read)::bigint, sum(rejected)::bigint, sum(duplicate)::bigint, sum(staged)::bigint,
  sum(versions_opened)::bigint, sum(versions_closed)::bigint, sum(versions_split)::bigint,
  sum(versions_changed)::bigint, sum(versions_removed)::bigint
from icefront.changes
where ($1::text is null or pipeline || '.' || table_name = $1)
  and changed_at >= $2 and changed_at < $3
  and ($4::uuid is null or run_id = $4)
group by pipeline, table_name, run_id
order by min(changed_at) desc, 1
limit $5
