-- Notes that a table's log was made anew; nothing of it is published until its marts are made anew as well.
update icefront.tables
set staged_batch = $3, current_batch = 0, history_batch = 0, rejects = $4, held_batch = $5
where pipeline = $1 and name = $2
