-- Notes a statement before Trino hears of it.
insert into icefront.statements (run_id, pipeline, step, attempt, target, sql) values ($1, $2, $3, $4, $5, $6) returning id
