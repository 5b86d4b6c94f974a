-- Tells of a tracked table whether it may be read, and its columns; nothing where there is no such table. Needs no right itself.
select
  has_schema_privilege(space.oid, 'usage') and has_table_privilege(class.oid, 'select'),
  array(select attname::text from pg_attribute where attrelid = class.oid and attnum > 0 and not attisdropped)
from pg_class as class
join pg_namespace as space on space.oid = class.relnamespace
where array[space.nspname::text, class.relname::text] = parse_ident($1) and class.relkind in ('r', 'p', 'v', 'm', 'f')
