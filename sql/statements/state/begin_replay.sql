-- Gives a batch of replayed rejects its id; it has no files, moves no cursor, and may be older than anything. Nothing of it is to be
-- staged from landing, so the table counts as staged up to it at once.
with batch as (
  insert into icefront.batches (pipeline, id, run_id, state, covered_until, landed_at)
  select $1, coalesce(max(id), 0) + 1, $2, 'landed',
    (select covered_until from icefront.batches where pipeline = $1 and state = 'landed' order by id desc limit 1), clock_timestamp()
  from icefront.batches
  where pipeline = $1
  returning id
),
staged as (
  update icefront.tables set staged_batch = batch.id from batch where pipeline = $1 and name = $9
)
insert into icefront.batch_events
  (pipeline, batch_id, source_schema, source_table, events, truncates, first_event, last_event, first_time, last_time, repeats, replayed)
select $1, id, $3, $4, 0, $6, -9223372036854775808, $7, '0001-01-01 00:00:00+00', least($8::text::timestamptz, '9999-12-30 00:00:00+00'), true, $5 from batch
returning batch_id
