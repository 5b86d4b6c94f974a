-- Gives the next batch of a pipeline its id, above every id in the landing table, before anything of it is written.
insert into icefront.batches (pipeline, id, run_id)
select $1, greatest(coalesce(max(id), 0), $3) + 1, $2 from icefront.batches where pipeline = $1
returning id
