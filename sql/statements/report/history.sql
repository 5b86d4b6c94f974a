-- Finds versions of one key, oldest first.
select *
from {{ history }}
where
  {% for part in key %}
  {% if not loop.first %}and {% endif %}
  {{ part.name }} = cast({{ part.value | literal }} as {{ part.data_type | data_type }})
  {% endfor %}
  {% if after %}
  and valid_from > timestamp {{ after | literal }}
  {% endif %}
order by valid_from
limit {{ limit }}
