-- Lists the names of tables and views in schema $1, at most a thousand: the nearest to a misspelt one is told.
select class.relname::text as name
from pg_class as class
join pg_namespace as space on space.oid = class.relnamespace
where space.nspname = $1 and class.relkind in ('r', 'p', 'v', 'm', 'f')
order by name
limit 1000
