-- Finds the keys with an event that is not newer than all before: at most one more than a statement may name.
{% from 'marts/names.sql' import bare %}
with batch as (
{% include 'marts/batch.sql' %}
)
select distinct
  array[{% for column in key_columns %}cast({{ column.name }} as varchar){% if not loop.last %}, {% endif %}{% endfor %}] as key
from batch
where {% include 'marts/late.sql' %}

limit {{ limit }}
