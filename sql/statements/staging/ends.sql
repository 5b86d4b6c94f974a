-- Finds the highest id and time of the typed log up to a batch, and counts its truncates.
select
  max(_event_id) as last_event,
  cast(max(_occurred_at) as varchar) as last_time,
  count_if(_operation = 'T') as truncates
from {{ staging }}
where _batch_id <= {{ upto_batch }}
