-- Counts the runs of the pipeline that come before a run.
select count(*) from icefront.runs where pipeline = $1 and state in ('queued', 'running') and id < $2
