-- Lists tables, the largest first, $4 of them at most, and counts all. With names in $2 (schemas) and $3 (tables): whatever has one
-- of them, in upper or lower case. Otherwise the tables of the schemas in $1, or of all schemas of users if $1 is null; a partitioned
-- table stands for its partitions. Needs no right itself.
select
  class.oid as oid,
  space.nspname::text as schema,
  class.relname::text as name,
  class.relkind in ('r', 'p') as is_table,
  class.relispartition as is_partition,
  size.rows as rows,
  size.bytes as bytes,
  unique_key.columns as key,
  has_schema_privilege(space.oid, 'usage') and has_table_privilege(class.oid, 'select') as may_read,
  row_security_active(class.oid) as is_hidden,
  count(*) over () as total
from pg_class as class
join pg_namespace as space on space.oid = class.relnamespace
cross join lateral (
  -- As the last `analyze` saw them: no rows are counted, and no file is looked at.
  with recursive part as (
    select class.oid as oid
    union all
    select pg_inherits.inhrelid from pg_inherits join part on pg_inherits.inhparent = part.oid
  )
  select
    (sum(of_part.reltuples) filter (where of_part.reltuples >= 0 and of_part.relkind <> 'p'))::bigint as rows,
    coalesce(sum(greatest(of_part.relpages, 0)), 0)::bigint * current_setting('block_size')::bigint as bytes
  from part
  join pg_class as of_part on of_part.oid = part.oid
) as size
left join lateral (
  -- The primary key, or else the shortest unique key of columns that are never null.
  select array_agg(part.attname::text order by array_position(index.indkey::smallint[], part.attnum)) as columns
  from pg_index as index
  join pg_attribute as part
    on part.attrelid = index.indrelid and part.attnum = any (index.indkey[0:index.indnkeyatts - 1])
  where index.indrelid = class.oid and index.indisunique and index.indisvalid
    and index.indpred is null and index.indexprs is null
  group by index.indexrelid, index.indisprimary
  having bool_and(part.attnotnull)
  order by index.indisprimary desc, count(*), index.indexrelid
  limit 1
) as unique_key on true
where class.relkind in ('r', 'p', 'v', 'm', 'f') and class.relpersistence <> 't'
  and case
    when $2::text[] is not null then exists (
      select from unnest($2, $3::text[]) as wanted (schema, name)
      where lower(wanted.schema) = lower(space.nspname) and lower(wanted.name) = lower(class.relname)
    )
    else class.relkind in ('r', 'p') and not class.relispartition
      and space.nspname !~ '^pg_' and space.nspname <> 'information_schema'
      and ($1::text[] is null or space.nspname = any ($1))
  end
order by size.bytes desc, space.nspname, class.relname
limit $4
