-- Finds rows in the order of their key: as they are now, as they were by their events' time, or as they were published.
{% macro value(column, text) %}cast({{ text | literal }} as {{ column.data_type | data_type }}){% endmacro %}
select *
from {{ table }}{% if loaded_as_of %} for timestamp as of timestamp {{ loaded_as_of | literal }}{% endif %}

where true{% if of_open_versions %} and is_current{% endif %}

  {% if as_of %}
  and valid_from <= timestamp {{ as_of | literal }}
  and (valid_to is null or valid_to > timestamp {{ as_of | literal }})
  {% endif %}
  {% for part in key %}
  and {{ part.name }} = {{ value(part, part.value) }}
  {% endfor %}
  {% if after %}
  {# After the key (1, 2) of the columns a and b: ((a > 1) or (a = 1 and b > 2)). #}
  and (
    {% for column in key_columns %}
    {% set place = loop.index0 %}
    {% if not loop.first %} or {% endif %}(
      {%- for earlier in key_columns[:place] -%}
      {{ earlier.name }} = {{ value(earlier, after[loop.index0]) }} and
      {% endfor %}
      {{ column.name }} > {{ value(column, after[place]) }})
    {% endfor %}
  )
  {% endif %}
order by {% for column in key_columns %}{{ column.name }}{% if not loop.last %}, {% endif %}{% endfor %}

limit {{ limit }}
