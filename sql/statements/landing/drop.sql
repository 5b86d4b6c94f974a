-- Drops a table that only one comparison needed.
drop table if exists {{ table }}
