-- Tells whether a step of a run has succeeded in any of its tries.
select exists (select from icefront.steps where run_id = $1 and name = $2 and state = 'succeeded')
