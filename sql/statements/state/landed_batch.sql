-- Notes that a batch is in the landing table.
update icefront.batches set state = 'landed', landed_at = clock_timestamp() where pipeline = $1 and id = $2 and state = 'written'
