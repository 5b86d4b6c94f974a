-- Notes up to which batch the current rows are published.
update icefront.tables set current_batch = $3, current_anew = false where pipeline = $1 and name = $2
