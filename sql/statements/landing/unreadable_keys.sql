-- Finds the first of the named keys with a text that is no exact value of its column.
{% from 'staging/typed.sql' import typed, text %}
{% from 'landing/given_keys.sql' import given_keys %}
select min(_place) as place
from {{ given_keys(keys, key_columns) }}
where
  {% for column in key_columns %}
  {% if not loop.first %}or {% endif %}({{ typed(column) }}) is null
  {% endfor %}
