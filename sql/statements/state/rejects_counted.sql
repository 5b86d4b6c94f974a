-- Notes how many rejects a table has left; the first batch with one holds its freshness.
update icefront.tables set rejects = $3, held_batch = $4 where pipeline = $1 and name = $2
