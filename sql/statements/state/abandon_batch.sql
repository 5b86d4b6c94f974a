-- Gives up a batch that was not written to its end; its files are read again.
with forgotten as (
  delete from icefront.files where pipeline = $1 and batch = $2
)
update icefront.batches set state = 'abandoned' where pipeline = $1 and id = $2
