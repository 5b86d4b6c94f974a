-- Lists what happened to a run after a number.
select number, told_at, name, data from icefront.run_events where run_id = $1 and number > $2 order by number limit $3
