{# The properties of a model's table, by Trino's names. #}
{% macro literal_of(value) %}
{% if value is string %}{{ value | literal }}
{%- elif value is sequence %}array[{% for item in value %}{{ literal_of(item) }}{% if not loop.last %}, {% endif %}{% endfor %}]
{%- elif value is boolean %}{% if value %}true{% else %}false{% endif %}
{%- else %}{{ value }}{% endif %}
{% endmacro %}
{% macro with_properties(properties) %}
{% if properties %}
 with (
  {%- for name, value in properties | items %}
{{ name }} = {{ literal_of(value) | trim }}{% if not loop.last %}, {% endif %}
  {% endfor -%}
)
{%- endif %}
{% endmacro %}
