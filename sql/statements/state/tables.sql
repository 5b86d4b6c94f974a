-- Tables: what they are made of. A reset leaves a row without columns of a table, see `resets.sql`.
-- `src/state/tables.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: read_table
-- Reads what is known of a table.
select
  origin, columns, seen_at, staged_batch, current_batch, history_batch, held_batch as clean_batch, rejects, catalogue,
  drift, current_anew as remakes_current, history_anew as remakes_history, current_bytes, history_bytes, is_by_clock,
  has_own_ids, marts, current_snapshot, history_snapshot, remakes
from icefront.tables
where pipeline = $1 and name = $2 and columns <> '[]'

-- name: read_tables
-- Reads what is known of some tables.
select
  pipeline, name, origin, columns, seen_at, staged_batch, current_batch, history_batch, held_batch as clean_batch, rejects,
  catalogue, drift, current_anew as remakes_current, history_anew as remakes_history, current_bytes, history_bytes,
  is_by_clock, has_own_ids, marts, current_snapshot, history_snapshot, remakes
from icefront.tables
join unnest($1::text[], $2::text[]) as asked (pipeline, name) using (pipeline, name)
where columns <> '[]'

-- name: pipelines_with_rejects
-- Lists the pipelines that have rejects.
select distinct pipeline from icefront.tables where rejects > 0 order by pipeline

-- name: register_table
-- Keeps a table's columns at first sight, or at the first one after a reset. Batches that landed before the state
-- database knew of any are not staged again: $5 is the last of them.
insert into icefront.tables (pipeline, name, origin, columns, staged_batch, catalogue, is_by_clock, has_own_ids, marts)
values (
  $1, $2, $3, $4, coalesce((select min(id) - 1 from icefront.batches where pipeline = $1), $5), $6, $7, $8, $9
)
on conflict (pipeline, name) do update
set origin = excluded.origin, columns = excluded.columns, staged_batch = excluded.staged_batch, catalogue = excluded.catalogue,
  is_by_clock = excluded.is_by_clock, has_own_ids = excluded.has_own_ids, marts = excluded.marts, seen_at = clock_timestamp()
where tables.columns = '[]'

-- name: reshape_table
-- Keeps what a table is made of from now on, and how its source differs from that.
update icefront.tables
set origin = $3, columns = $4, catalogue = $5, drift = $6, is_by_clock = $7, has_own_ids = $8, marts = $9
where pipeline = $1 and name = $2
