{# Which rows of a table may have changed since the last snapshot: by their cursor, and by the transaction that wrote
   them. #}
from {{ table }} as source
where true
  {% if filter %}
  and ({{ filter | expression }}
  )
  {% endif %}
  {% if bounds %}
  {% include 'source/range.sql' %}
  {% endif %}
  {% if last_snapshot %}
  and {% include 'source/xmin.sql' %}
  {% if cursor_from and is_time %}
  and (
    {{ cursor }} >= {{ cursor_from | literal }}::timestamptz{% if not has_zone %} at time zone 'UTC'{% endif %}

    or {{ cursor }} is null
  )
  {% endif %}
  {% endif %}
