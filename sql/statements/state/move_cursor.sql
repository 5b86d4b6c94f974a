-- Moves the cursor to where a batch ended; in the transaction that notes the batch as landed.
insert into icefront.cursors (pipeline, position, covered_until, blocked_by) 
select pipeline, position, covered_until, $3 from icefront.batches where pipeline = $1 and id = $2
on conflict (pipeline) do update
set position = excluded.position, covered_until = excluded.covered_until, blocked_by = excluded.blocked_by, moved_at = clock_timestamp()
