-- Notes up to which batch a table is staged; the first batch with rejects holds its freshness. $4 is null where nothing was rejected.
update icefront.tables
set staged_batch = $3, rejects = coalesce($4, rejects), held_batch = case when $4::bigint is null then held_batch else $5 end
where pipeline = $1 and name = $2
