-- Notes the id that Trino gave a statement, before the statement can run.
update icefront.statements set state = 'sent', trino_query_id = $2 where id = $1
