-- Asks for the columns of a query; gives no row.
select * from (
{{ sql | expression }}
) as asked
where false
