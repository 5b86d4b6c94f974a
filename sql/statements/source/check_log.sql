-- Tells what a reader of an audit table may see, and whether an index finds what it asks for.
select
  has_table_privilege($1::oid, 'select'),
  exists (
    select from pg_index as index
    join pg_attribute as first on first.attrelid = index.indrelid and first.attnum = index.indkey[0]
    where index.indrelid = $1::oid and index.indisvalid and index.indpred is null and first.attname = $2
  )
