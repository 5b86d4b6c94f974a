-- Tells the last key of the next range of a table's rows; after it the next key. Where all rows that are left are one range there are not two.
-- Keys that are passed over are not made texts, so an index alone can do, where the condition names no other column.
select array[{% for column in bounds.columns %}last.{{ column }}::text{% if not loop.last %}, {% endif %}{% endfor %}]
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
