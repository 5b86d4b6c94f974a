-- Which of some listed files the ledger has: as they are (true), or as they were before (false).
select listed.path, bool_or(known.etag = listed.etag and known.size = listed.size)
from unnest($2::text[], $3::text[], $4::bigint[]) as listed (path, etag, size)
join icefront.files as known on known.pipeline = $1 and known.path = listed.path
group by listed.path
