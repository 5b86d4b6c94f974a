{# The keys that a caller named, as a relation `given`: the place of each and the text of each value. #}
{% from 'staging/typed.sql' import text %}
{% macro given_keys(keys, key_columns) %}
(
  values
  {% for key in keys %}
  ({{ loop.index0 }}, {% for value in key %}{{ value | literal }}{% if not loop.last %}, {% endif %}{% endfor %})
  {%- if not loop.last %},{% endif %}

  {% endfor %}
) as given (_place, {% for column in key_columns %}{{ text(column) }}{% if not loop.last %}, {% endif %}{% endfor %})
{% endmacro %}
