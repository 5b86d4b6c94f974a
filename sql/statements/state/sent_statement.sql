-- Notes the id that Trino gave a statement and where it is asked for, before the statement can run; not where the run's attempt is over or another's by now.
update icefront.statements as statement
set state = 'sent', trino_query_id = $2, address = $3
from icefront.runs as run
where statement.id = $1 and run.id = statement.run_id and run.state = 'running' and run.attempt = statement.attempt
