-- Reads how far a source has been read.
select position, covered_until, blocked_by, moved_at from icefront.cursors where pipeline = $1
