-- Notes that a table's log was made anew, so that its marts are to be made anew as well.
update icefront.tables
set staged_batch = $3, current_anew = true, history_anew = true, rejects = $4, held_batch = $5
where pipeline = $1 and name = $2
