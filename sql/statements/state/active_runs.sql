-- Tells which run of a pipeline comes to its end first, and how many wait.
select
  (select id from icefront.runs where pipeline = $1 and state in ('queued', 'running') order by state = 'running' desc, id limit 1),
  (select count(*) from icefront.runs where pipeline = $1 and state = 'queued')
