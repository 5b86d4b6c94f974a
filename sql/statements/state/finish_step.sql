-- Ends a try of a step. One that does what no try before it did shows that the service does not end by this run.
with ended as (
  update icefront.steps set state = $4, counts = $5, error = $6, finished_at = clock_timestamp()
  where run_id = $1 and name = $2 and attempt = $3
)
update icefront.runs set lost = 0
where id = $1 and attempt = $3 and lost > 0 and $4 = 'succeeded'
  and not exists (select from icefront.steps where run_id = $1 and name = $2 and attempt < $3 and state = 'succeeded')
