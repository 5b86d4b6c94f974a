-- Describes an audit table, a row for each column: its oid, the column with type and default, the cache of the column's
-- sequence and the last id.
select
  attribute.attrelid as oid,
  attribute.attname as name,
  format_type(attribute.atttypid, attribute.atttypmod) as data_type,
  pg_get_expr(standard.adbin, standard.adrelid) as column_default,
  given.cache as sequence_cache,
  given.last_value as sequence_value
from pg_attribute as attribute
left join pg_attrdef as standard on standard.adrelid = attribute.attrelid and standard.adnum = attribute.attnum
left join lateral (
  -- The sequences that the column owns, and those that its default asks.
  select
    max(sequence.seqcache) as cache,
    max(
      case when has_sequence_privilege(seqrelid, 'select') or has_sequence_privilege(seqrelid, 'usage')
        then pg_sequence_last_value(seqrelid)
      end
    ) as last_value
  from pg_sequence as sequence
  where exists (
    select from pg_depend as owned
    where owned.objid = sequence.seqrelid
      and owned.refobjid = attribute.attrelid and owned.refobjsubid = attribute.attnum
      and owned.classid = 'pg_class'::regclass and owned.refclassid = 'pg_class'::regclass
  ) or exists (
    select from pg_depend as asked
    where asked.objid = standard.oid and asked.classid = 'pg_attrdef'::regclass
      and asked.refobjid = sequence.seqrelid and asked.refclassid = 'pg_class'::regclass
  )
) as given on true
where attribute.attrelid = to_regclass($1) and attribute.attnum > 0 and not attribute.attisdropped
order by attribute.attnum
