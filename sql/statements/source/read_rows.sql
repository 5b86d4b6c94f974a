-- Reads the rows of a table that changed since the last snapshot; all rows the first time. If several rows have the
-- same key, the newest wins.
copy (
  select
    {% if not is_unique %}
    distinct on ({% for column in key %}{{ column }}{% if not loop.last %}, {% endif %}{% endfor %})
    {% endif %}
    null::bigint, 'U'::text,
    {% if is_time %}
    coalesce({{ cursor }}::timestamp{% if has_zone %}tz{% else %} at time zone 'UTC'{% endif %}, statement_timestamp()),
    {% else %}
    statement_timestamp(),
    {% endif %}
    {{ schema | literal }}::text, {{ name | literal }}::text, {% include 'source/row.sql' %}

  {% include 'source/changed.sql' %}
  {% if not is_unique %}
  order by {% for column in key %}{{ column }}, {% endfor %}{{ cursor }} desc nulls last
  {% endif %}
) to stdout (format binary)
