{# Which rows of an audit table the last snapshot did not have; and all rows of tables that are read from the begin of the
   log again. #}
{% if rule == 'transaction' %}
where (
  {{ transaction }} >= pg_snapshot_xmin({{ last_snapshot | literal }}::pg_snapshot)
  {% if lists_open %}
  and not pg_visible_in_snapshot({{ transaction }}, {{ last_snapshot | literal }}::pg_snapshot)
  {% endif %}
)
{% elif rule == 'xmin' %}
where ({% if floor is not none %}{{ columns.event_id }} > {{ floor }} and {% endif %}{% include 'source/xmin.sql' %})
{% endif %}
{% if rule != 'everything' %}
  {% for source in restarted %}
  or (
    {{ columns.schema }}::text = {{ source.schema | literal }} and {{ columns.table }}::text = {{ source.name | literal }}
  )
  {% endfor %}
{% endif %}
