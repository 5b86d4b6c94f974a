-- The ledger of files: which files of a folder were read, and which could not be.
-- `src/state/files.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: record_files
-- Notes the state of each file of a batch, in the transaction that notes the batch as written.
insert into icefront.files (
  pipeline, batch, path, etag, size, table_name, state, rows, reason, modified_at, read_by
)
select $1, $2, file.*
from unnest(
  $3::text[], $4::text[], $5::bigint[], $6::text[],
  $7::text[], $8::bigint[], $9::text[], $10::timestamptz[], $11::text[]
) as file

-- name: known_files
-- Reads what the ledger knows of listed files: their last state, whether they are still the same, whether any version
-- landed.
select
  listed.path, last.state, last.etag = listed.etag and last.size = listed.size as is_same,
  last.read_by as definition_fingerprint, last.has_landed
from unnest($2::text[], $3::text[], $4::bigint[]) as listed (path, etag, size)
cross join lateral (
  select state, etag, size, read_by, bool_or(state = 'landed') over () as has_landed
  from icefront.files
  where pipeline = $1 and path = listed.path
  order by id desc
  limit 1
) as last

-- name: landed_files
-- Lists those of the listed files that have landed as they are.
select listed.path
from unnest($2::text[], $3::text[], $4::bigint[]) as listed (path, etag, size)
cross join lateral (
  select state, etag, size, batch
  from icefront.files
  where pipeline = $1 and path = listed.path
  order by id desc
  limit 1
) as last
join icefront.batches on batches.pipeline = $1 and batches.id = last.batch
where last.state = 'landed' and batches.state = 'landed' and last.etag = listed.etag and last.size = listed.size

-- name: unread_files
-- Lists the paths of files that could not be read, in the order in which stores list them: those after $2 and up to $3.
select path
from icefront.files
where pipeline = $1 and state <> 'landed'
  and path collate "C" > coalesce($2::text, '') and ($3::text is null or path collate "C" <= $3)
group by path
order by path collate "C"
limit $4

-- name: forget_files
-- Removes unread files from the ledger whose paths are gone.
delete from icefront.files where pipeline = $1 and state <> 'landed' and path = any ($2)

-- name: holding_files
-- Counts the unread files of some tables, names the three oldest, and says whether a table ever had a file.
select
  asked.pipeline, asked.name, count(unread.path) as count,
  coalesce(
    (array_agg(unread.path order by unread.modified_at, unread.path) filter (where unread.path is not null))[1:3], '{}'
  ) as oldest,
  exists (
    select from icefront.files where files.pipeline = asked.pipeline and files.table_name = asked.name
  ) as has_files
from unnest($1::text[], $2::text[]) as asked (pipeline, name)
left join lateral (
  select path, modified_at
  from icefront.files as file
  where file.pipeline = asked.pipeline and file.table_name = asked.name and state <> 'landed'
    -- Only the last state of a path counts.
    and not exists (
      select from icefront.files as later
      where later.pipeline = asked.pipeline and later.path = file.path and later.id > file.id
    )
) as unread on true
group by asked.pipeline, asked.name

-- name: list_files
-- Lists the ledger's files, newest first, older than file $4 if that is given. An unread file appears only in its last
-- state.
select
  id, path, etag, size, table_name as "table", batch, state, rows, reason, modified_at, seen_at,
  read_by as definition_fingerprint
from icefront.files as file
where pipeline = $1 and ($2::text[] is null or state = any($2))
  and ($2 is null or state = 'landed' or not exists (
    select from icefront.files as later
    where later.pipeline = $1 and later.path = file.path and later.id > file.id
  ))
  and ($3::text is null or table_name = $3) and ($4::bigint is null or id < $4)
  and ($6::bigint is null or batch = $6)
order by id desc
limit $5
