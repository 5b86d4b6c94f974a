-- Lists runs, newest first, after a run where one is named.
select id, pipeline, state, request, attempt, created_at, started_at, finished_at, counts, error, task,
  (
    select coalesce(jsonb_agg(seen.difference || jsonb_build_object('table', known.pipeline || '.' || known.name) order by known.name), '[]')
    from icefront.tables as known, jsonb_array_elements(known.drift) as seen (difference)
    where known.pipeline = runs.pipeline and seen.difference ->> 'run_id' = runs.id::text
  ),
  cancel_requested_at, lost
from icefront.runs
where ($1::text is null or pipeline = $1) and ($2::text is null or state = $2) and ($3::uuid is null or id < $3)
order by id desc
limit $4
