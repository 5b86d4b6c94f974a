-- Lists the columns of a source table with their types; a domain counts as what it is made of. Needs no right itself.
select
  attribute.attname as name,
  case when kind.typtype = 'd'
    then format_type(kind.typbasetype, kind.typtypmod)
    else format_type(attribute.atttypid, attribute.atttypmod)
  end as data_type
from pg_attribute as attribute
join pg_type as kind on kind.oid = attribute.atttypid
join pg_class as class on class.oid = attribute.attrelid
join pg_namespace as space on space.oid = class.relnamespace
where array[space.nspname::text, class.relname::text] = parse_ident($1)
  and attribute.attnum > 0 and not attribute.attisdropped
order by attribute.attnum
