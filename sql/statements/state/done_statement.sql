-- Notes how a statement ended.
update icefront.statements
set state = $2, update_count = $3, snapshot_before = $4, snapshot_after = $5, progress = $6, finished_at = clock_timestamp()
where id = $1
