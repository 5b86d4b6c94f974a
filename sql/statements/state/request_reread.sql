-- Says in a cursor's position what is to be read again.
update icefront.cursors set position = $2, moved_at = clock_timestamp() where pipeline = $1 and moved_at = $3
