-- Lists the statements of a pipeline that write to a table and whose end nobody saw: of any step, but not those that this attempt has
-- under way.
select id, step, trino_query_id
from icefront.statements
where pipeline = $1 and target = $2 and state = 'sent' and not (run_id = $3 and attempt = $4)
order by id
