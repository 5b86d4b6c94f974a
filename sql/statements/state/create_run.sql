-- Accepts a run; it is a row before it is answered.
insert into icefront.runs (id, pipeline, state, request, task) values ($1, $2, 'queued', $3, $4)
