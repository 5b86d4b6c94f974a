-- Lists the statements of a pipeline's step whose end nobody saw.
select id, target, trino_query_id from icefront.statements where pipeline = $1 and step = $2 and state = 'sent' order by id
