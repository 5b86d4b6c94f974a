-- Publications that changed rows of a table or model.
-- `src/state/publications.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: record_table_publication
-- Notes a publication of current rows, after how far they are. $4 says whether only keys of its batches can have changed.
with shape as (
  select jsonb_agg(
    jsonb_build_object('name', listed ->> 'name', 'data_type', listed ->> 'data_type', 'is_key', listed -> 'is_key') order by place
  ) as columns
  from icefront.tables, jsonb_array_elements(columns) with ordinality as listed (listed, place)
  where pipeline = $1 and name = $2
)
insert into icefront.publications (pipeline, name, snapshot, snapshot_before, of_history, batch_id, of_batches, columns)
select
  pipeline, name, $3::text, $5::text, marts = 'current_view', current_batch, $4::boolean,
  nullif(
    shape.columns,
    (
      select before.columns
      from icefront.publications as before
      where before.pipeline = $1 and before.name = $2 and before.columns is not null
      order by before.id desc
      limit 1
    )
  )
from icefront.tables, shape
where pipeline = $1 and name = $2

-- name: record_model_publication
-- Notes a refresh that changed rows of a model. $5 are the columns.
insert into icefront.publications (pipeline, name, snapshot, refresh_id, snapshot_before, columns)
select
  $1::text, $2::text, $3::text, $4::bigint, $6::text,
  nullif(
    $5::jsonb,
    (
      select before.columns
      from icefront.publications as before
      where before.pipeline = $1 and before.name = $2 and before.columns is not null
      order by before.id desc
      limit 1
    )
  )

-- name: newest_publication
-- Finds the last publication of a table or model.
select id, snapshot, snapshot_before, of_history, batch_id, refresh_id, published_at, columns
from icefront.publications_with_columns
where pipeline = $1 and name = $2
order by id desc
limit 1

-- name: find_publication
-- Finds a publication by its id.
select id, snapshot, snapshot_before, of_history, batch_id, refresh_id, published_at, columns
from icefront.publications_with_columns
where pipeline = $1 and name = $2 and id = $3

-- name: next_publication
-- Finds the publication that follows another one.
select id, snapshot, snapshot_before, of_history, batch_id, refresh_id, published_at, columns
from icefront.publications_with_columns
where pipeline = $1 and name = $2 and id > $3
order by id
limit 1

-- name: changed_by_batches
-- Says whether the typed log, as it is, has an event of every key that changed after a publication. It has not if the log
-- or the current rows were remade, or are about to be.
select
  not exists (
    select from icefront.publications where pipeline = $1 and name = $2 and id > $3 and not of_batches
  )
  and not exists (select from icefront.tables where pipeline = $1 and name = $2 and current_anew)
  and not exists (
    select from icefront.runs
    where pipeline = $1 and state in ('queued', 'running') and task ->> 'kind' = 'restage'
  ) as changed_by_batches
