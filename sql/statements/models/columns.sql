-- Lists the columns of some tables with their types, in their order.
select number, column_name, data_type
from (
  {% for table in tables %}
  select {{ loop.index0 }} as number, ordinal_position, column_name, data_type
  from {{ table.listed_in }}
  where table_schema = {{ table.schema | literal }} and table_name = {{ table.name | literal }}
  {% if not loop.last %}
  union all
  {% endif %}
  {% endfor %}
)
order by number, ordinal_position
