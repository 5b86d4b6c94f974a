-- Reads whether the user may read a tracked table, and its columns; no row if there is no such table. Needs no right
-- itself.
select
  has_schema_privilege(space.oid, 'usage') and has_table_privilege(class.oid, 'select') as may_read,
  array(
    select attname::text from pg_attribute
    where attrelid = class.oid and attnum > 0 and not attisdropped
  ) as columns
from pg_class as class
join pg_namespace as space on space.oid = class.relnamespace
where array[space.nspname::text, class.relname::text] = parse_ident($1)
  and class.relkind in ('r', 'p', 'v', 'm', 'f')
