-- Lists what a run sent to Trino, in any attempt, and of which no end was noted.
select step, target, trino_query_id, address
from icefront.statements
where run_id = $1 and ($2::text is null or step = $2) and state = 'sent'
order by id
