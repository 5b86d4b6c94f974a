-- Notes up to which batch the current rows are published.
update icefront.tables set current_batch = $3 where pipeline = $1 and name = $2
