-- Cursors: how far each source has been read.
-- `src/state/cursors.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: read_cursor
-- Reads how far a source has been read.
select position, covered_until, blocked_by, moved_at from icefront.cursors where pipeline = $1

-- name: read_cursors
-- Reads how far some sources have been read.
select pipeline, position, covered_until, blocked_by, moved_at from icefront.cursors where pipeline = any($1)

-- name: record_empty_poll
-- Notes that a source had nothing new up to a position and a time, unless a batch has moved its cursor since $2.
--
-- A poll and a batch that read at the same time agree: if the poll found nothing after a position, so does the batch.
update icefront.cursors
set covered_until = greatest(covered_until, $3), position = $4, blocked_by = $5
where pipeline = $1 and moved_at = $2

-- name: request_reread
-- Writes into a cursor's position what is to be read again, unless the cursor has moved since $3.
update icefront.cursors set position = $2, moved_at = clock_timestamp() where pipeline = $1 and moved_at = $3
