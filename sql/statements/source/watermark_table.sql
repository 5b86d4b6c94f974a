-- Tells what a table is like: its oid, its columns with their types, and whether its key is unique.
select
  attribute.attrelid,
  attribute.attname,
  format_type(kind.oid, null),
  exists (
    select from pg_index as index
    where index.indrelid = attribute.attrelid and index.indisunique and index.indisvalid and index.indpred is null and index.indexprs is null
      and (
        select array_agg(part.attname::text)
        from pg_attribute as part
        where part.attrelid = index.indrelid and part.attnum = any (index.indkey[0:index.indnkeyatts - 1])
      ) <@ $2::text[]
  )
from pg_attribute as attribute
join pg_type as given on given.oid = attribute.atttypid
join pg_type as kind on kind.oid = case when given.typtype = 'd' then given.typbasetype else given.oid end
where attribute.attrelid = to_regclass($1) and attribute.attnum > 0 and not attribute.attisdropped
order by attribute.attnum
