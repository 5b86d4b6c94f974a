-- Reads whether the column by which a table's rows are looked up has an index, and whether it is never null.
select
  exists (
    select from pg_index as index
    join pg_attribute as first on first.attrelid = index.indrelid and first.attnum = index.indkey[0]
    where index.indrelid = $1::oid and index.indisvalid and index.indpred is null and first.attname = $2
  ) as has_index,
  (select attnotnull from pg_attribute where attrelid = $1::oid and attname = $2) as is_not_null
