-- Lists the statements of a pipeline that write to a table and whose end nobody saw: of any step, but not those that this attempt has
-- under way. Those of runs that publish batches are told from those that mend what was published.
select statement.id, run.task ->> 'kind' in ('build', 'resync', 'replay'), statement.trino_query_id, statement.address
from icefront.statements as statement
join icefront.runs as run on run.id = statement.run_id
where statement.pipeline = $1 and statement.target = $2 and statement.state = 'sent' and not (statement.run_id = $3 and statement.attempt = $4)
order by statement.id
