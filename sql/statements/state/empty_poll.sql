-- Notes up to where and when a source has nothing new, unless a batch has moved its cursor since it was asked.
--
-- What a poll and a batch find side by side does not differ: where the poll found nothing after a position, no batch does.
update icefront.cursors set covered_until = greatest(covered_until, $3), position = $4, blocked_by = $5
where pipeline = $1 and moved_at = $2
