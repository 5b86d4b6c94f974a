-- Finds a table's snapshot, and counts its rows, files and bytes, from its metadata alone.
select
  (select cast(snapshot_id as varchar) from {{ snapshots }} order by committed_at desc limit 1),
  coalesce(sum(if(content = 0, record_count, if(content = 1, -record_count, 0))), 0),
  count_if(content = 0),
  count_if(content <> 0),
  coalesce(sum(file_size_in_bytes), 0)
from {{ files }}
