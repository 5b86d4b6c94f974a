-- Gives a column a wider type; no value changes.
alter table {{ table }} alter column {{ column.name }} set data type {{ column.data_type | data_type }}
