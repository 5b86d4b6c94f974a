-- Builds: how far a table is that is made slice by slice.
-- `src/state/builds.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: read_build
-- Reads what is known of the builds of a layer: the one under way, and what fitted last.
select upto_batch, made_of, position, sent_to, rows, fitting, is_left
from icefront.builds
where pipeline = $1 and table_name = $2 and layer = $3

-- name: begin_build
-- Begins a build with nothing in it.
insert into icefront.builds (pipeline, table_name, layer, upto_batch, made_of, is_left)
values ($1, $2, $3, $4, $5, true)
on conflict (pipeline, table_name, layer) do update
set upto_batch = excluded.upto_batch, made_of = excluded.made_of, position = 0, sent_to = 0, rows = 0, is_left = true

-- name: begin_slice
-- Notes where a slice ends, before it is sent.
update icefront.builds set sent_to = $4 where pipeline = $1 and table_name = $2 and layer = $3

-- name: record_slice
-- Notes that the slice that was sent last is in the build, with its rows.
update icefront.builds
set position = sent_to, rows = rows + $4, fitting = coalesce($5, fitting),
  events_per_second = coalesce($6, events_per_second)
where pipeline = $1 and table_name = $2 and layer = $3

-- name: record_fitting
-- Notes how many events one statement takes, and how fast it makes the table if that is known.
insert into icefront.builds (pipeline, table_name, layer, fitting, events_per_second)
values ($1, $2, $3, $4, $5)
on conflict (pipeline, table_name, layer) do update
set fitting = coalesce(excluded.fitting, builds.fitting),
  events_per_second = coalesce(excluded.events_per_second, builds.events_per_second)

-- name: expected_build
-- Sums what a build of a table up to batch $5 would read, and finds what is known of its layers' builds: the table's own,
-- or else the mean of all tables.
with landed as (
  select coalesce(sum(held.events), 0)::bigint as events
  from icefront.batch_events as held
  join icefront.batches as batch
    on batch.pipeline = held.pipeline and batch.id = held.batch_id and batch.state = 'landed'
  where held.pipeline = $1 and held.source_schema = $3 and held.source_table = $4 and held.batch_id <= $5
),
known as (
  select
    layer,
    coalesce(
      max(events_per_second) filter (where pipeline = $1 and table_name = $2), avg(events_per_second)
    ) as events_per_second,
    min(fitting) filter (where pipeline = $1 and table_name = $2) as fitting
  from icefront.builds
  group by layer
)
select
  landed.events,
  (
    select (sum(bytes) / nullif(sum(events), 0))::double precision from icefront.batches
    where pipeline = $1 and state = 'landed'
  ) as landed_bytes_per_event,
  (select events_per_second from known where layer = 'log') as log_rate,
  (select events_per_second from known where layer = 'current') as current_rate,
  (select events_per_second from known where layer = 'history') as history_rate,
  coalesce(
    (select fitting from known where layer = 'history'), (select fitting from known where layer = 'current')
  ) as fitting
from landed

-- name: end_build
-- Notes that the build is published, or that nothing of it can be used.
update icefront.builds
set upto_batch = null, made_of = null, position = 0, sent_to = 0, rows = 0
where pipeline = $1 and table_name = $2 and layer = any ($3::text[]) and upto_batch is not null

-- name: last_statement
-- Finds the last statement that added rows to a table.
select trino_query_id from icefront.statements
where pipeline = $1 and target = $2 and state = 'succeeded' and update_count > 0
order by id desc
limit 1

-- name: record_dropped_build
-- Notes that the table of a build is gone.
update icefront.builds set is_left = false where pipeline = $1 and table_name = $2 and layer = $3
