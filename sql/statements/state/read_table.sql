-- Reads what is remembered of a table.
select
  columns, seen_at, staged_batch, current_batch, history_batch, held_batch, rejects, origin, catalogue, drift,
  current_anew, history_anew, current_bytes, history_bytes, is_by_clock, has_own_ids
from icefront.tables
where pipeline = $1 and name = $2
