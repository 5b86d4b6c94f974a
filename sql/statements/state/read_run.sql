-- Reads one run.
select id, pipeline, state, request, attempt, created_at, started_at, finished_at, counts, error from icefront.runs where id = $1
