-- Looks up rows in the order of their key: as they are, as they were at a time of their events, or as they had been published.
select *
from {{ table }}{% if loaded_as_of %} for timestamp as of timestamp {{ loaded_as_of | literal }}{% endif %}

where true
  {% if as_of %}
  and valid_from <= timestamp {{ as_of | literal }} and (valid_to is null or valid_to > timestamp {{ as_of | literal }})
  {% endif %}
  {% for part in key %}
  and {{ part.name }} = cast({{ part.value | literal }} as {{ part.data_type | data_type }})
  {% endfor %}
  {% if after %}
  and ({% for column in key_columns %}
    {% set outer = loop.index0 %}
    {% if not loop.first %} or {% endif %}({% for earlier in key_columns[:outer] %}{{ earlier.name }} = cast({{ after[loop.index0] | literal }} as {{ earlier.data_type | data_type }}) and {% endfor %}{{ column.name }} > cast({{ after[outer] | literal }} as {{ column.data_type | data_type }}))
  {% endfor %})
  {% endif %}
order by {% for column in key_columns %}{{ column.name }}{% if not loop.last %}, {% endif %}{% endfor %}

limit {{ limit }}
