-- Finds how high ids and times of the typed log up to a batch are, and counts its truncates.
select max(_event_id), cast(max(_occurred_at) as varchar), count_if(_operation = 'T')
from {{ staging }}
where _batch_id <= {{ upto_batch }}
