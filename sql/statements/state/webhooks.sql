-- Webhooks: what happened that they may be told of, and how fresh tables and models were at the last look.
-- `src/state/webhooks.rs` and `src/state/run_ends.rs` take each statement by its name: the line `-- name: …` above it.

-- name: failed_models
-- Lists the models whose last refresh in a run failed.
select model, problem
from (
  select distinct on (model) pipeline || '.' || model as model, state, problem
  from icefront.refreshes
  where run_id = $1
  order by model, id desc
) as last
where state = 'failed'
order by model

-- name: rejected_tables
-- Lists the tables of which a run rejected events, and how many rejects each has now.
select changes.pipeline || '.' || changes.table_name as "table", sum(changes.rejected)::bigint as rejected, tables.rejects
from icefront.changes
join icefront.tables on tables.pipeline = changes.pipeline and tables.name = changes.table_name
where changes.run_id = $1 and changes.rejected > 0
group by changes.pipeline, changes.table_name, tables.rejects
order by 1

-- name: note_freshness
-- Notes the status that a table or model had at $3. Gives a row only if it is another one than before, and not older.
insert into icefront.freshness_seen as seen (name, status, worst, changed_at) values ($1, $2, $2, $3)
on conflict (name) do update
set status = excluded.status, changed_at = excluded.changed_at,
  worst = case
    when excluded.status = 'pass' then seen.worst
    when seen.status = 'pass' then excluded.status
    when 'error' in (seen.worst, excluded.status) then 'error'
    else excluded.status
  end
where seen.status <> excluded.status and seen.changed_at < excluded.changed_at
returning worst
