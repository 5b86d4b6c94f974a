-- Adds a column that the source has got; rows from before read null.
alter table {{ table }} add column if not exists {{ column.name }} {{ column.data_type | data_type }}
