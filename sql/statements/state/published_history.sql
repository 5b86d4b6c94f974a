-- Notes up to which batch the history is published.
update icefront.tables set history_batch = $3, history_anew = false where pipeline = $1 and name = $2
