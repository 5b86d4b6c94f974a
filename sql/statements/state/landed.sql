-- The landed events of a source table, and the batches of replayed rejects.
-- `src/state/landed.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: events_between
-- Sums what landed of a source table in the window after batch $4 and up to $5, and finds the highest id and time
-- before it.
with landed as not materialized (
  select held.*
  from icefront.batch_events as held
  join icefront.batches as batch
    on batch.pipeline = held.pipeline and batch.id = held.batch_id and batch.state = 'landed'
  where held.pipeline = $1 and held.source_schema = $2 and held.source_table = $3 and held.batch_id <= $5
)
select
  taken.event_count, taken.first_event, taken.last_event, taken.truncates, taken.first_time, taken.last_time,
  taken.ids_may_repeat, taken.replayed,
  taken.truncates + (
    select coalesce(sum(truncates), 0)::bigint from landed where truncates > 0 and batch_id <= $4
  ) as truncates_ever,
  (
    select last_event from landed where last_event is not null and batch_id <= $4 order by last_event desc limit 1
  ) as highest_event,
  (
    select last_time from landed where last_time is not null and batch_id <= $4 order by last_time desc limit 1
  ) as highest_time
from (
  select
    coalesce(sum(events), 0)::bigint as event_count, min(first_event) as first_event, max(last_event) as last_event,
    coalesce(sum(truncates), 0)::bigint as truncates, min(first_time) as first_time, max(last_time) as last_time,
    coalesce(bool_or(repeats), false) or count(*) > 1 as ids_may_repeat,
    coalesce(sum(replayed), 0)::bigint as replayed
  from landed
  where batch_id > $4
) as taken

-- name: begin_replay
-- Gives a batch of replayed rejects its id. The batch has no files, moves no cursor, and its events may be older than
-- any other. Nothing of it is staged from landing, so the table counts as staged up to it at once.
with batch as (
  insert into icefront.batches (pipeline, id, run_id, state, covered_until, landed_at)
  select
    $1, coalesce(max(id), 0) + 1, $2, 'landed',
    (
      select covered_until from icefront.batches where pipeline = $1 and state = 'landed' order by id desc limit 1
    ),
    clock_timestamp()
  from icefront.batches
  where pipeline = $1
  returning id
),
staged as (
  update icefront.tables set staged_batch = batch.id from batch where pipeline = $1 and name = $9
)
insert into icefront.batch_events (
  pipeline, batch_id, source_schema, source_table,
  events, truncates, first_event, last_event, first_time, last_time, repeats, replayed
)
select
  $1, id, $3, $4,
  0, $6, -9223372036854775808, $7, '0001-01-01 00:00:00+00',
  least($8::text::timestamptz, '9999-12-30 00:00:00+00'), true, $5
from batch
returning batch_id
