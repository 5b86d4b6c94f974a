-- Adds a column that the source has by now; it is null in older rows.
alter table {{ table }} add column if not exists {{ column.name }} {{ column.data_type | data_type }}
