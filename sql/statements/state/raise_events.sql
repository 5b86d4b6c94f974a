-- Notes how high ids and times of the whole log are, at the last batch up to $5 that holds events of the table; what the batches
-- after $4 are known to span is forgotten, because rejected events are part of it.
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
where held.pipeline = $1 and held.source_schema = $2 and held.source_table = $3 and held.batch_id > $4 and held.batch_id <= $5
