-- Tells up to when the sources are known to be in the batches up to one: behind the last, as far as a poll found nothing more.
select case when batches.id = (select max(id) from icefront.batches where pipeline = $1 and state = 'landed')
  then greatest(batches.covered_until, cursors.covered_until) else batches.covered_until end
from icefront.batches
left join icefront.cursors using (pipeline)
where pipeline = $1 and id <= $2 and batches.state = 'landed'
order by id desc
limit 1
