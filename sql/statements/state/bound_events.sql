-- Takes ids and times of rejected events out of what the batches span: what is staged ends at $6 and $7.
update icefront.batch_events
set
  last_event = case when $6::bigint is not null then least(last_event, $6) end,
  last_time = case when $7::text is not null then least(last_time, $7::text::timestamptz) end
where pipeline = $1 and source_schema = $2 and source_table = $3 and batch_id > $4 and batch_id <= $5
