-- Drops a view if it exists.
drop view if exists {{ table }}
