-- Notes where the events that a run staged ended.
insert into icefront.changes (run_id, pipeline, table_name, batch_id, read, rejected, duplicate, staged)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (pipeline, table_name, batch_id, run_id) do update
set read = excluded.read, rejected = excluded.rejected, duplicate = excluded.duplicate, staged = excluded.staged
