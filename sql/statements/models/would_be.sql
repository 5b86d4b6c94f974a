{# The rows that a model's table is about to have. #}
{% from 'marts/names.sql' import bare %}
(
  (
    select {{ bare(columns) }} from {{ table }}
    except all
    select {{ bare(columns) }} from {{ changes }} where _change_type in ('DELETE', 'UPDATE_BEFORE')
  )
  union all
  select {{ bare(columns) }} from {{ changes }} where _change_type in ('INSERT', 'UPDATE_AFTER')
)
