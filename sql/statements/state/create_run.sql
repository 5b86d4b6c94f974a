-- Accepts a run; it is a row before it is answered.
insert into icefront.runs (id, pipeline, state, request) values ($1, $2, 'queued', $3)
