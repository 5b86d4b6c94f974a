-- Reads what the user may do with a table; no row if there is no such table. Needs no right itself.
select
  has_schema_privilege(space.oid, 'usage') as may_use_schema,
  has_table_privilege(class.oid, 'select') as may_select,
  row_security_active(class.oid) as is_hidden,
  class.relkind in ('r', 'p') as is_table
from pg_class as class
join pg_namespace as space on space.oid = class.relnamespace
where space.nspname = $1 and class.relname = $2 and class.relkind in ('r', 'p', 'v', 'm', 'f')
