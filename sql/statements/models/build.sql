-- Makes the table of a model, or one that will replace it: the query over what the refresh reads.
{% from 'marts/properties.sql' import with_properties %}
create or replace table {{ build }}{{ with_properties(properties) }} as
select * from (
{{ sql | expression }}
)
