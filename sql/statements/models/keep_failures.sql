-- Keeps the rows that fail a test, so that somebody can look at them.
{% from 'models/failing.sql' import failing %}
create or replace table {{ table }} as
select * from (
{{ failing(test, new_rows, all_rows) }}
)
