-- Replaces the table of a model by what was built for it, in one commit.
{% from 'marts/properties.sql' import with_properties %}
create or replace table {{ table }}{{ with_properties(properties) }} as
select * from {{ build }}
