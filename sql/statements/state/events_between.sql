-- Sums what landed of a source table after one batch and up to another; truncates are counted from the beginning.
select
  coalesce(sum(events) filter (where batch_id > $4), 0)::bigint,
  min(first_event) filter (where batch_id > $4),
  max(last_event) filter (where batch_id > $4),
  coalesce(sum(truncates), 0)::bigint,
  coalesce(sum(truncates) filter (where batch_id > $4), 0)::bigint
from icefront.batch_events
join icefront.batches on batches.pipeline = batch_events.pipeline and batches.id = batch_events.batch_id and batches.state = 'landed'
where batch_events.pipeline = $1 and source_schema = $2 and source_table = $3 and batch_id <= $5
