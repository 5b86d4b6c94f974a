-- Finds how high ids and times of one batch in the typed log are, and counts its truncates.
select max(_event_id), cast(max(_occurred_at) as varchar), count_if(_operation = 'T')
from {{ staging }}
where _batch_id = {{ batch }}
