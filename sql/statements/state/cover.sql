-- Notes up to when a source that has nothing new is covered, unless its cursor has moved since it was asked.
update icefront.cursors set covered_until = greatest(covered_until, $3)
where pipeline = $1 and moved_at = $2
