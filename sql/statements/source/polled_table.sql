-- Describes a table, a row for each column: its oid, the column with its type, and whether its key is unique. Also says
-- whether it is a table at all. `range_key` has the columns of the unique key in the order of its index, if they are
-- never null.
select
  attribute.attrelid as oid,
  attribute.attname as name,
  format_type(kind.oid, null) as data_type,
  unique_key.columns is not null as is_unique,
  case when unique_key.is_set then unique_key.columns end as range_key,
  class.relkind in ('r', 'p') as is_table
from pg_attribute as attribute
join pg_class as class on class.oid = attribute.attrelid
join pg_type as given on given.oid = attribute.atttypid
join pg_type as kind on kind.oid = case when given.typtype = 'd' then given.typbasetype else given.oid end
left join lateral (
  select
    array_agg(part.attname::text order by array_position(index.indkey::smallint[], part.attnum)) as columns,
    bool_and(part.attnotnull) as is_set
  from pg_index as index
  join pg_attribute as part
    on part.attrelid = index.indrelid and part.attnum = any (index.indkey[0:index.indnkeyatts - 1])
  where index.indrelid = attribute.attrelid and index.indisunique and index.indisvalid
    and index.indpred is null and index.indexprs is null
  group by index.indexrelid
  having array_agg(part.attname::text) <@ $2::text[]
  order by bool_and(part.attnotnull) desc, index.indexrelid
  limit 1
) as unique_key on true
where attribute.attrelid = to_regclass($1) and attribute.attnum > 0 and not attribute.attisdropped
order by attribute.attnum
