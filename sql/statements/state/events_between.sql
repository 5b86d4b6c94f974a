-- Sums what landed of a source table after one batch and up to another, and tells how high its events were before.
with landed as not materialized (
  select held.*
  from icefront.batch_events as held
  join icefront.batches as batch on batch.pipeline = held.pipeline and batch.id = held.batch_id and batch.state = 'landed'
  where held.pipeline = $1 and held.source_schema = $2 and held.source_table = $3 and held.batch_id <= $5
)
select
  taken.events, taken.first_event, taken.last_event,
  taken.truncates + (select coalesce(sum(truncates), 0)::bigint from landed where truncates > 0 and batch_id <= $4),
  taken.truncates, taken.first_time, taken.last_time, taken.repeats,
  (select last_event from landed where last_event is not null and batch_id <= $4 order by last_event desc limit 1),
  (select last_time from landed where last_time is not null and batch_id <= $4 order by last_time desc limit 1),
  taken.replayed
from (
  select
    coalesce(sum(events), 0)::bigint as events, min(first_event) as first_event, max(last_event) as last_event,
    coalesce(sum(truncates), 0)::bigint as truncates, min(first_time) as first_time, max(last_time) as last_time,
    coalesce(bool_or(repeats), false) or count(*) > 1 as repeats, coalesce(sum(replayed), 0)::bigint as replayed
  from landed
  where batch_id > $4
) as taken
