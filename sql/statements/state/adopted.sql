-- Batches in the landing table that the state database does not know: it was restored from a time before they landed.
-- `src/state/adopted.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: last_sure_batch
-- Finds the last batch that surely is what this state database knows of it. A later one may have landed after the backup.
select coalesce(max(id), 0) as batch from icefront.batches where pipeline = $1 and state in ('written', 'landed')

-- name: adopt_batches
-- Notes batches as landed, with what they hold of each source table. The cursor stays: the source is read again from there, and each
-- event is staged once. The tables may show these batches already, so they are remade from their typed logs, and models are built again:
-- what a model read last is not what this state says. Nothing is known of the first events, which may be older than any other.
with found as (
  select *
  from unnest($3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[])
    as found (batch, source_schema, source_table, events, truncates, last_event, last_time)
),
adopted as (
  insert into icefront.batches (pipeline, id, run_id, state, covered_until, landed_at)
  select
    $1::text, batch, $2::uuid, 'landed',
    (
      select covered_until from icefront.batches where pipeline = $1 and state = 'landed' order by id desc limit 1
    ),
    clock_timestamp()
  from (select distinct batch from found) as numbers
  on conflict (pipeline, id) do update
  set state = excluded.state, covered_until = excluded.covered_until, landed_at = excluded.landed_at
  where batches.state in ('reading', 'abandoned')
  returning id
),
remade as (
  update icefront.tables set current_anew = true, history_anew = true, remakes = remakes + 1 where pipeline = $1
),
-- Models of other pipelines may read the tables, too.
built as (
  update icefront.models set reading = null, sent = null, changes_since = null
),
-- The state no longer says what consumers have read, so they read all rows again.
forgotten as (
  delete from icefront.publications where pipeline = $1
)
insert into icefront.batch_events (
  pipeline, batch_id, source_schema, source_table,
  events, truncates, first_event, last_event, first_time, last_time, repeats
)
select
  $1::text, batch, source_schema, source_table,
  events, truncates, -9223372036854775808, last_event, '0001-01-01 00:00:00+00',
  case when last_time is not null then least(last_time::timestamptz, '9999-12-30 00:00:00+00') end, true
from found
join adopted on adopted.id = found.batch
on conflict (pipeline, source_schema, source_table, batch_id) do nothing
