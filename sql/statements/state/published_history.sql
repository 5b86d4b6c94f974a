-- Notes up to which batch the history is published, and how large the table is then.
update icefront.tables set history_batch = $3, history_anew = false, history_bytes = coalesce($4, history_bytes) where pipeline = $1 and name = $2
