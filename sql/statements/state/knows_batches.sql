-- Tells whether a pipeline ever had a batch, as far as this state database knows.
select exists (select from icefront.batches where pipeline = $1)
