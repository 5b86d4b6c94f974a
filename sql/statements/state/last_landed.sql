-- Finds the last batch that landed.
select coalesce(max(id), 0) from icefront.batches where pipeline = $1 and state = 'landed'
