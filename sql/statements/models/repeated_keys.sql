-- Counts the rows that share their key with another row.
{% from 'marts/names.sql' import bare %}
select coalesce(sum(rows), 0) as rows
from (select count(*) as rows from {{ table }} group by {{ bare(key_columns) }} having count(*) > 1)
