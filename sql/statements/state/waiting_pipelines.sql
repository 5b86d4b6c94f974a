-- Lists the pipelines that have something to do, and whether a run of theirs is to be cancelled.
select pipeline, bool_or(cancel_requested_at is not null) from icefront.runs where state in ('queued', 'running') group by pipeline
