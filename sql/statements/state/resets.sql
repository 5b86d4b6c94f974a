-- Resets: everything that is held of a table is deleted.
-- `src/state/resets.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: begin_reset
-- Notes that everything that is held of a table is about to be deleted. From here on it counts as never seen. `remakes`
-- stays, because models compare it. `origin` stays until everything is deleted.
update icefront.tables
set columns = '[]', catalogue = '[]', drift = '[]', staged_batch = 0, current_batch = 0, history_batch = 0,
  held_batch = null, rejects = 0, current_anew = false, history_anew = false, current_bytes = 0, history_bytes = 0,
  current_snapshot = null, history_snapshot = null, remakes = remakes + 1
where pipeline = $1 and name = $2

-- name: forget_publications
-- Forgets the publications of a table, so that no row changes are told across the reset.
delete from icefront.publications where pipeline = $1 and name = $2 and refresh_id is null

-- name: forget_read_files
-- Forgets the files of a table that were read, so that those that are still there are read again.
delete from icefront.files where pipeline = $1 and table_name = $2

-- name: resets_begun
-- Lists the tables of a pipeline of which not everything may be deleted yet, with the marts that they had.
select name, marts from icefront.tables where pipeline = $1 and columns = '[]' and origin <> '' order by name

-- name: forget_events
-- Forgets what batches held of a source table.
delete from icefront.batch_events where pipeline = $1 and source_schema = $2 and source_table = $3

-- name: forget_builds
-- Forgets the builds of a table.
delete from icefront.builds where pipeline = $1 and table_name = $2

-- name: end_reset
-- Notes that everything is deleted.
update icefront.tables set origin = '' where pipeline = $1 and name = $2 and columns = '[]'
