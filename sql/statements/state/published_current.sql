-- Notes up to which batch the current rows are published, and how large the table is then.
update icefront.tables set current_batch = $3, current_anew = false, current_bytes = coalesce($4, current_bytes) where pipeline = $1 and name = $2
