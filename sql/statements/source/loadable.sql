-- Tells of a tracked table whether it is there, whether it may be read, and its columns.
select
  has_table_privilege(to_regclass($1), 'select'),
  array(select attname::text from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped)
where to_regclass($1) is not null
