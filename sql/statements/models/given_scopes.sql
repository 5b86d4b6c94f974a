{# Scopes as a list of rows. #}
{% from 'marts/names.sql' import bare %}
(
  select * from (
    values
    {% for row in rows %}
    (
      {%- for column in scope -%}
      {%- set value = row[loop.index0] -%}
      {%- if value is none -%}cast(null as {{ column.data_type | data_type }})
      {%- elif column.data_type == 'varbinary' -%}from_base64({{ value | literal }})
      {%- else -%}cast({{ value | literal }} as {{ column.data_type | data_type }}){%- endif -%}
      {% if not loop.last %}, {% endif %}
      {%- endfor -%}
    ){% if not loop.last %},{% endif %}

    {% endfor %}
  ) as given ({{ bare(scope) }})
)
