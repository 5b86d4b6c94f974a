{# Rows as a list, in columns of these types. #}
{% from 'marts/names.sql' import bare %}
{% macro typed(value, column) %}
{% if value is none %}cast(null as {{ column.data_type | data_type }})
{%- elif column.data_type == 'varbinary' %}from_base64({{ value | literal }})
{%- else %}cast({{ value | literal }} as {{ column.data_type | data_type }}){% endif %}
{% endmacro %}
{% if rows %}
(
  select * from (
    values
    {% for row in rows %}
    (
      {%- for column in columns -%}
      {{ typed(row[loop.index0], column) }}{% if not loop.last %}, {% endif %}
      {%- endfor -%}
    ){% if not loop.last %},{% endif %}

    {% endfor %}
  ) as given ({{ bare(columns) }})
)
{% else %}
(
  select {% for column in columns %}{{ typed(none, column) }} as {{ column.name }}{% if not loop.last %}, {% endif %}{% endfor %}

  where false
)
{% endif %}
