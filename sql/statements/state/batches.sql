-- Batches: begun, written, landed; and the cursor, which moves with them.
-- `src/state/batches.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: begin_batch
-- Gives the next batch of a pipeline its id, above every id in the landing table ($3), before anything of it is
-- written.
insert into icefront.batches (pipeline, id, run_id)
select $1, greatest(coalesce(max(id), 0), $3) + 1, $2 from icefront.batches where pipeline = $1
returning id

-- name: record_written_batch
-- Notes that all files of a batch are written, and what landing them will prove.
update icefront.batches
set state = 'written', position = $3, covered_until = $4, events = $5, files = $6, bytes = $7
where pipeline = $1 and id = $2 and state = 'reading'

-- name: batch_events
-- Notes what a batch holds of a source table.
insert into icefront.batch_events (
  pipeline, batch_id, source_schema, source_table,
  events, truncates, first_event, last_event, first_time, last_time, repeats
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: record_landed_batch
-- Notes that a batch is in the landing table, and up to when the batches before it were complete.
update icefront.batches
set state = 'landed', landed_at = clock_timestamp(),
  covered_from = (select covered_until from icefront.cursors where pipeline = $1)
where pipeline = $1 and id = $2 and state = 'written'

-- name: move_cursor
-- Moves the cursor to where a batch ended, in the transaction that notes the batch as landed.
insert into icefront.cursors (pipeline, position, covered_until, blocked_by)
select pipeline, position, covered_until, $3 from icefront.batches where pipeline = $1 and id = $2
on conflict (pipeline) do update
set position = excluded.position, covered_until = excluded.covered_until, blocked_by = excluded.blocked_by,
  moved_at = clock_timestamp()

-- name: abandon_batch
-- Gives up a batch that was not fully written; its files are read again.
with forgotten as (
  delete from icefront.files where pipeline = $1 and batch = $2
)
update icefront.batches set state = 'abandoned' where pipeline = $1 and id = $2

-- name: open_batches
-- Lists the batches that an earlier attempt left between reading and landing.
select id, run_id as run, state = 'written' as is_written, files
from icefront.batches
where pipeline = $1 and state in ('reading', 'written')
order by id

-- name: knows_batches
-- Says whether this state database knows a batch of the pipeline.
select exists (select from icefront.batches where pipeline = $1) as knows_batches

-- name: before_first
-- Finds the last batch before the first one that this state database knows. Batches up to it belong to a state that was
-- lost.
select coalesce(min(id), 1) - 1 as batch from icefront.batches where pipeline = $1

-- name: last_landed
-- Finds the last batch that landed.
select coalesce(max(id), 0) as batch from icefront.batches where pipeline = $1 and state = 'landed'

-- name: covered_untils
-- Finds for some pipelines and batches what `covered_until` finds for one.
select asked.pipeline, asked.batch, found.covered_until
from unnest($1::text[], $2::bigint[]) as asked (pipeline, batch)
cross join lateral (
  select
    case
      when batches.id = (select max(id) from icefront.batches where pipeline = asked.pipeline and state = 'landed')
        then greatest(batches.covered_until, cursors.covered_until)
      else batches.covered_until
    end as covered_until
  from icefront.batches
  left join icefront.cursors using (pipeline)
  where pipeline = asked.pipeline and id <= asked.batch and batches.state = 'landed'
  order by id desc
  limit 1
) as found

-- name: covered_until
-- Finds the time up to which the batches up to $2 hold every committed change. After the last batch, polls that found
-- nothing move this time on.
select
  case
    when batches.id = (select max(id) from icefront.batches where pipeline = $1 and state = 'landed')
      then greatest(batches.covered_until, cursors.covered_until)
    else batches.covered_until
  end as covered_until
from icefront.batches
left join icefront.cursors using (pipeline)
where pipeline = $1 and id <= $2 and batches.state = 'landed'
order by id desc
limit 1
