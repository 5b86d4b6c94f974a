-- Lists the files of a source's ledger, the newest first, after a file where one is named.
select id, path, etag, size, table_name, batch, state, rows, reason, modified_at, seen_at, read_by
from icefront.files
where pipeline = $1 and ($2::text is null or state = $2) and ($3::text is null or table_name = $3) and ($4::bigint is null or id < $4)
order by id desc
limit $5
