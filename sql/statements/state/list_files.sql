-- Lists the files of a source's ledger, the newest first, after a file where one is named; of those that are not read, as they were seen last.
select id, path, etag, size, table_name, batch, state, rows, reason, modified_at, seen_at, read_by
from icefront.files as file
where pipeline = $1 and ($2::text is null or state = $2)
  and ($2 is null or $2 = 'landed' or not exists (
    select from icefront.files as later where later.pipeline = $1 and later.path = file.path and later.id > file.id
  ))
  and ($3::text is null or table_name = $3) and ($4::bigint is null or id < $4)
order by id desc
limit $5
