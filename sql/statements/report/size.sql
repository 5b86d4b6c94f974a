-- Finds a table's snapshot, and counts its rows, files and bytes, from its metadata alone.
select
  (select cast(snapshot_id as varchar) from {{ snapshots }} order by committed_at desc limit 1) as snapshot_id,
  coalesce(sum(if(content = 0, record_count, if(content = 1, -record_count, 0))), 0) as row_count,
  count_if(content = 0) as data_files,
  count_if(content <> 0) as delete_files,
  coalesce(sum(file_size_in_bytes), 0) as bytes
from {{ files }}
