-- Notes up to which batch the history is published.
update icefront.tables set history_batch = $3 where pipeline = $1 and name = $2
