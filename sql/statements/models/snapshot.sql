-- Finds the snapshot that a table has now; no row if it is empty.
select cast(snapshot_id as varchar) as snapshot
from {{ refs }}
where name = 'main' and type = 'BRANCH'
