-- Finds the newest snapshot of a table, if each one that it still has only wrote the same rows to other files.
select cast(max_by(snapshot_id, committed_at) as varchar) as snapshot
from {{ snapshots }}
having count(*) > 0 and count_if(operation <> 'replace') = 0
