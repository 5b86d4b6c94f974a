-- Finds the last key of the next range of a table's rows, and the key after it. Fewer than two rows: all rows that are
-- left are one range. The keys that are passed over stay as they are, so an index alone is enough if the condition
-- names no other column.
select array[
  {% for column in bounds.columns %}last.{{ column }}::text{% if not loop.last %}, {% endif %}{% endfor %}

] as key
from (
  select {% for column in bounds.columns %}source.{{ column }}{% if not loop.last %}, {% endif %}{% endfor %}

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
) as last
order by {% for column in bounds.columns %}last.{{ column }}{% if not loop.last %}, {% endif %}{% endfor %}
