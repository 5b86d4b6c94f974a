-- Gives up a batch that was not written to its end.
update icefront.batches set state = 'abandoned' where pipeline = $1 and id = $2
