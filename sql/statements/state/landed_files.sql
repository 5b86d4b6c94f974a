-- Which of some listed files have landed as they are.
select known.path
from unnest($2::text[], $3::text[], $4::bigint[]) as listed (path, etag, size)
join icefront.files as known using (path, etag, size)
join icefront.batches on batches.pipeline = known.pipeline and batches.id = known.batch
where known.pipeline = $1 and known.state = 'landed' and batches.state = 'landed'
