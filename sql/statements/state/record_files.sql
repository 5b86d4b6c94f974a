-- Notes what became of the files of a batch; in the transaction that notes the batch as written.
insert into icefront.files (pipeline, batch, path, etag, size, table_name, state, rows, reason, modified_at, read_by)
select $1, $2, file.*
from unnest($3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::timestamptz[], $11::text[]) as file
