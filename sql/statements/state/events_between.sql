-- Sums what landed of a source table after one batch and up to another, and how high its events were before.
select
  coalesce(sum(held.events) filter (where held.batch_id > $4), 0)::bigint,
  min(held.first_event) filter (where held.batch_id > $4),
  max(held.last_event) filter (where held.batch_id > $4),
  coalesce(sum(held.truncates), 0)::bigint,
  coalesce(sum(held.truncates) filter (where held.batch_id > $4), 0)::bigint,
  min(held.first_time) filter (where held.batch_id > $4),
  max(held.last_time) filter (where held.batch_id > $4),
  coalesce(bool_or(held.repeats) filter (where held.batch_id > $4), false) or count(*) filter (where held.batch_id > $4) > 1,
  max(held.last_event) filter (where held.batch_id <= $4),
  max(held.last_time) filter (where held.batch_id <= $4),
  coalesce(sum(held.replayed) filter (where held.batch_id > $4), 0)::bigint
from icefront.batch_events as held
join icefront.batches as batch on batch.pipeline = held.pipeline and batch.id = held.batch_id and batch.state = 'landed'
where held.pipeline = $1 and held.source_schema = $2 and held.source_table = $3 and held.batch_id <= $5
