-- Tells whether the schema exists.
select exists (select from pg_catalog.pg_namespace where nspname = $1) as has_schema
