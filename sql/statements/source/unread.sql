{# Which rows of an audit table the last snapshot did not have. #}
{% if rule == 'transaction' %}
where {{ transaction }} >= pg_snapshot_xmin({{ last_snapshot | literal }}::pg_snapshot)
  {% if lists_open %}
  and not pg_visible_in_snapshot({{ transaction }}, {{ last_snapshot | literal }}::pg_snapshot)
  {% endif %}
{% elif rule == 'xmin' %}
where {% if floor is not none %}{{ columns.event_id }} > {{ floor }} and {% endif %}{% include 'source/xmin.sql' %}
{% endif %}
