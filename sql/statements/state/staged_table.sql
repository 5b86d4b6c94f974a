-- Notes up to which batch a table is staged; the first batch with rejects holds its freshness.
update icefront.tables
set staged_batch = $3, rejects = rejects + $4, held_batch = case when $4 > 0 then coalesce(held_batch, staged_batch) else held_batch end
where pipeline = $1 and name = $2
