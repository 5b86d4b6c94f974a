-- Finds what the last runs of a pipeline came to: is one active, and did the last that ended fail.
select
  (select state from icefront.runs where pipeline = $1 and state in ('queued', 'running') order by state = 'running' desc, id limit 1),
  (select state from icefront.runs where pipeline = $1 and state in ('succeeded', 'failed', 'cancelled') order by id desc limit 1)
