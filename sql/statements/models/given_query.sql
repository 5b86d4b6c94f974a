{# The rows of a query that stands for a table, in its columns. #}
{% from 'marts/names.sql' import bare %}
(
  select {{ bare(columns) }} from (
{{ sql | expression }}
  )
)
