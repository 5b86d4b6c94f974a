-- Notes what a run changed in a table's current rows, and what became of every event that it published.
insert into icefront.changes
  (run_id, pipeline, table_name, batch_id, inserted, updated, deleted, published, late, superseded, delete_without_row, unchanged, truncates, truncated)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
on conflict (pipeline, table_name, batch_id, run_id) do update
set inserted = changes.inserted + excluded.inserted, updated = changes.updated + excluded.updated, deleted = changes.deleted + excluded.deleted,
  published = excluded.published, late = excluded.late, superseded = excluded.superseded,
  delete_without_row = excluded.delete_without_row, unchanged = excluded.unchanged,
  truncates = excluded.truncates, truncated = excluded.truncated
