-- Tells what the audit table is like: its oid, its columns with their types and defaults, the cache of its sequence and how far that is.
select
  attribute.attrelid,
  attribute.attname,
  format_type(attribute.atttypid, attribute.atttypmod),
  pg_get_expr(standard.adbin, standard.adrelid),
  (
    select max(sequence.seqcache)
    from pg_depend as owned
    join pg_sequence as sequence on sequence.seqrelid = owned.objid
    where owned.refobjid = attribute.attrelid and owned.refobjsubid = attribute.attnum
      and owned.classid = 'pg_class'::regclass and owned.refclassid = 'pg_class'::regclass
  ),
  (
    select max(case when has_sequence_privilege(owned.objid, 'select') or has_sequence_privilege(owned.objid, 'usage') then pg_sequence_last_value(owned.objid) end)
    from pg_depend as owned
    join pg_sequence as sequence on sequence.seqrelid = owned.objid
    where owned.refobjid = attribute.attrelid and owned.refobjsubid = attribute.attnum
      and owned.classid = 'pg_class'::regclass and owned.refclassid = 'pg_class'::regclass
  )
from pg_attribute as attribute
left join pg_attrdef as standard on standard.adrelid = attribute.attrelid and standard.adnum = attribute.attnum
where attribute.attrelid = to_regclass($1) and attribute.attnum > 0 and not attribute.attisdropped
order by attribute.attnum
