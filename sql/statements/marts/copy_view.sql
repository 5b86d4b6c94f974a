-- Copies the current rows from the view that showed them.
{% from 'marts/properties.sql' import with_properties %}
create or replace table {{ build }}{{ with_properties(properties) }} as
select * from {{ table }}
