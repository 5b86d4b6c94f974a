-- Lists the pipelines that have something to do.
select distinct pipeline from icefront.runs where state in ('queued', 'running')
