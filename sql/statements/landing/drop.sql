-- Drops a table if it exists.
drop table if exists {{ table }}
