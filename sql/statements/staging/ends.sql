-- Tells how high ids and times of the log are, and how many truncates it has.
select max(_event_id), cast(max(_occurred_at) as varchar), count_if(_operation = 'T') from {{ staging }} where _batch_id <= {{ upto_batch }}
