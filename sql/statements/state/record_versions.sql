-- Notes what became of a table's versions in a run.
insert into icefront.changes
  (run_id, pipeline, table_name, batch_id, versions_opened, versions_closed, versions_split, versions_changed, versions_removed)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (pipeline, table_name, batch_id, run_id) do update
set versions_opened = changes.versions_opened + excluded.versions_opened, versions_closed = changes.versions_closed + excluded.versions_closed,
  versions_split = changes.versions_split + excluded.versions_split, versions_changed = changes.versions_changed + excluded.versions_changed,
  versions_removed = changes.versions_removed + excluded.versions_removed
