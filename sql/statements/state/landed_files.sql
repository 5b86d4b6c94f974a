-- Which of some listed files have landed as they are.
select listed.path
from unnest($2::text[], $3::text[], $4::bigint[]) as listed (path, etag, size)
cross join lateral (
  select state, etag, size, batch from icefront.files where pipeline = $1 and path = listed.path order by id desc limit 1
) as last
join icefront.batches on batches.pipeline = $1 and batches.id = last.batch
where last.state = 'landed' and batches.state = 'landed' and last.etag = listed.etag and last.size = listed.size
