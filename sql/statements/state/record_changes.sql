-- Notes what a run changed in a table.
insert into icefront.changes (run_id, pipeline, table_name, batch_id, inserted, updated, deleted) values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing
