-- How far each layer of a table is, and what moved it.
-- `src/state/table_progress.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: record_staging
-- Notes up to which batch a table is staged. $4 is null if the rejects were not counted. $5 is the clean batch, which
-- the column `held_batch` keeps: the last batch before the first reject.
update icefront.tables
set staged_batch = $3, rejects = coalesce($4, rejects),
  held_batch = case when $4::bigint is null then held_batch else $5 end
where pipeline = $1 and name = $2

-- name: record_restaging
-- Notes that a table's typed log was remade, so that its marts are remade from it.
update icefront.tables
set staged_batch = $3, current_anew = true, history_anew = true, rejects = $4, held_batch = $5, remakes = remakes + 1
where pipeline = $1 and name = $2

-- name: unpublish_table
-- Makes the next publication remake current rows and history. Until then they stay as they are.
update icefront.tables set current_anew = true, history_anew = true, remakes = remakes + 1 where pipeline = $1 and name = $2

-- name: record_rejects
-- Notes how many rejects a table has left, and its clean batch.
update icefront.tables set rejects = $3, held_batch = $4 where pipeline = $1 and name = $2

-- name: record_current
-- Notes up to which batch the current rows are published, and the table's size and snapshot after that. $6 is 1 if keys
-- of no new batch may have changed. Where there is no history, nothing waits for it.
update icefront.tables
set current_batch = $3, current_anew = false, current_bytes = coalesce($4, current_bytes),
  current_snapshot = coalesce($5, current_snapshot), remakes = remakes + $6,
  history_batch = case when marts = 'no_history' then $3 else history_batch end,
  history_anew = history_anew and marts <> 'no_history'
where pipeline = $1 and name = $2

-- name: record_history
-- Notes up to which batch the history is published, and the table's size and snapshot after that. $6 is 1 if keys of no
-- new batch may have changed.
update icefront.tables
set history_batch = $3, history_anew = false, history_bytes = coalesce($4, history_bytes),
  history_snapshot = coalesce($5, history_snapshot), remakes = remakes + $6
where pipeline = $1 and name = $2

-- name: record_staged_counts
-- Notes where the events that a run staged ended.
insert into icefront.changes (run_id, pipeline, table_name, batch_id, read, rejected, duplicate, staged)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (pipeline, table_name, batch_id, run_id) do update
set read = excluded.read, rejected = excluded.rejected, duplicate = excluded.duplicate, staged = excluded.staged

-- name: record_changes
-- Notes what a run changed in a table's current rows, and where every event that it published ended.
-- Changes of rows add up when a run publishes the same batch again; the events are the same ones.
insert into icefront.changes (
  run_id, pipeline, table_name, batch_id,
  inserted, updated, deleted, published, late, superseded, delete_without_row, unchanged, truncates, truncated
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
on conflict (pipeline, table_name, batch_id, run_id) do update
set inserted = changes.inserted + excluded.inserted,
  updated = changes.updated + excluded.updated,
  deleted = changes.deleted + excluded.deleted,
  published = excluded.published, late = excluded.late, superseded = excluded.superseded,
  delete_without_row = excluded.delete_without_row, unchanged = excluded.unchanged,
  truncates = excluded.truncates, truncated = excluded.truncated

-- name: record_versions
-- Notes what a run changed in a table's versions. Changes add up when a run publishes the same batch again.
insert into icefront.changes (
  run_id, pipeline, table_name, batch_id,
  versions_opened, versions_closed, versions_split, versions_changed, versions_removed
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (pipeline, table_name, batch_id, run_id) do update
set versions_opened = changes.versions_opened + excluded.versions_opened,
  versions_closed = changes.versions_closed + excluded.versions_closed,
  versions_split = changes.versions_split + excluded.versions_split,
  versions_changed = changes.versions_changed + excluded.versions_changed,
  versions_removed = changes.versions_removed + excluded.versions_removed

-- name: bound_events
-- Lowers the highest event id and time of the batches after $4 and up to $5 to $6 and $7, where the typed log ends:
-- rejected events no longer count.
update icefront.batch_events
set
  last_event = case when $6::bigint is not null then least(last_event, $6) end,
  last_time = case when $7::text is not null then least(last_time, $7::text::timestamptz) end
where pipeline = $1 and source_schema = $2 and source_table = $3 and batch_id > $4 and batch_id <= $5

-- name: set_last_event
-- Notes the highest event id and time of the whole typed log at the last batch up to $5 that holds events of the table.
-- The batches after $4 forget theirs, because those include rejected events.
with last as (
  select max(batch_id) as id from icefront.batch_events
  where pipeline = $1 and source_schema = $2 and source_table = $3 and batch_id <= $5
)
update icefront.batch_events as held
set
  last_event = case when held.batch_id = last.id then $6::bigint end,
  last_time = case when held.batch_id = last.id then least($7::text::timestamptz, '9999-12-30 00:00:00+00') end,
  truncates = case when held.batch_id = last.id then greatest(held.truncates, $8::bigint) else held.truncates end
from last
where held.pipeline = $1 and held.source_schema = $2 and held.source_table = $3
  and held.batch_id > $4 and held.batch_id <= $5
