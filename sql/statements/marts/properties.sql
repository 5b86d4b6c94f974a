{# The properties of a table, by Trino's names. #}
{% macro literal_of(value) %}
{% if value is string %}{{ value | literal }}
{%- elif value is mapping %}map(array[
  {%- for name, _ in value | items %}{{ name | literal }}{% if not loop.last %}, {% endif %}{% endfor -%}
], array[
  {%- for _, item in value | items %}{{ literal_of(item) | trim }}{% if not loop.last %}, {% endif %}{% endfor -%}
])
{%- elif value is sequence %}array[{% for item in value %}{{ literal_of(item) | trim }}{% if not loop.last %}, {% endif %}{% endfor %}]
{%- elif value is boolean %}{% if value %}true{% else %}false{% endif %}
{%- else %}{{ value }}{% endif %}
{% endmacro %}
{% macro listed(properties) %}
{% for name, value in properties | items %}
{{ name }} = {{ literal_of(value) | trim }}{% if not loop.last %}, {% endif %}
{% endfor %}
{% endmacro %}
{% macro with_properties(properties) %}
{% if properties %}
 with ({{ listed(properties) | trim }})
{%- endif %}
{% endmacro %}
