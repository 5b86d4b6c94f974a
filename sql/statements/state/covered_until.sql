-- Tells up to when the sources are known to be in the batches up to one.
select covered_until from icefront.batches where pipeline = $1 and id <= $2 and state = 'landed' order by id desc limit 1
