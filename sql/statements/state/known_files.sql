-- What the ledger knows of some listed files: of each as it was seen last, whether it is that still, and whether it ever landed.
select listed.path, last.state, last.etag = listed.etag and last.size = listed.size, last.read_by, last.has_landed
from unnest($2::text[], $3::text[], $4::bigint[]) as listed (path, etag, size)
cross join lateral (
  select state, etag, size, read_by, bool_or(state = 'landed') over () as has_landed
  from icefront.files
  where pipeline = $1 and path = listed.path
  order by id desc
  limit 1
) as last
