-- Counts the snapshots of a table that are older than so many seconds. The one that it has now never goes.
select count(*) as snapshots
from {{ snapshots }}
where date_diff('second', committed_at, current_timestamp) > {{ kept_seconds }}
  and snapshot_id not in (select snapshot_id from {{ refs }})
