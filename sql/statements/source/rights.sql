-- Tells of a table, by schema and name, what the user may do with it; nothing where there is no such table. Needs no right itself.
select
  has_schema_privilege(space.oid, 'usage'),
  has_table_privilege(class.oid, 'select'),
  row_security_active(class.oid),
  class.relkind in ('r', 'p')
from pg_class as class
join pg_namespace as space on space.oid = class.relnamespace
where space.nspname = $1 and class.relname = $2 and class.relkind in ('r', 'p', 'v', 'm', 'f')
