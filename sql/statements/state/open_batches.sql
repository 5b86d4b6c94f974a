-- Lists the batches that an earlier try left between reading and landing.
select id, state, files, run_id from icefront.batches where pipeline = $1 and state in ('reading', 'written') order by id
