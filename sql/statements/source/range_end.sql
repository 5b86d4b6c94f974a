-- Tells the last key of the next range of a table's rows; after it the next key. Where all rows that are left are one range there are not two.
select array[{% for column in bounds.columns %}source.{{ column }}::text{% if not loop.last %}, {% endif %}{% endfor %}]
from {{ table }} as source
where true
  {% if filter %}
  and ({{ filter | expression }}
  )
  {% endif %}
  {% include 'source/range.sql' %}
order by {% for column in bounds.columns %}source.{{ column }}{% if not loop.last %}, {% endif %}{% endfor %}

offset {{ rows }}
limit 2
