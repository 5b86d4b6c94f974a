-- Drops a table if it exists: the keys that one key comparison landed.
drop table if exists {{ landing }}
