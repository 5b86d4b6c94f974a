-- Keeps how the rows of the affected scopes differ from the table's, by Iceberg's names of changes. `_key_rows` is the
-- number of new rows of the key.
{% from 'marts/names.sql' import bare %}
{% set names %}{{ bare(columns) }}{% endset %}
create or replace table {{ changes }} as
select
  {{ names }},
  case
    when _copies < 0 and _came > 0 then 'UPDATE_BEFORE'
    when _copies < 0 then 'DELETE'
    when _went > 0 then 'UPDATE_AFTER'
    else 'INSERT'
  end as _change_type,
  _key_rows
from (
  select
    {{ names }},
    _copies,
    sum(greatest(_copies, 0)) over (partition by {{ bare(key_columns) }}) as _came,
    sum(greatest(-_copies, 0)) over (partition by {{ bare(key_columns) }}) as _went,
    sum(_new) over (partition by {{ bare(key_columns) }}) as _key_rows
  from (
    select {{ names }}, sum(_copy) as _copies, sum(greatest(_copy, 0)) as _new
    from (
      select {{ names }}, -1 as _copy
      from {{ table }}
      where
        {%- if scope | length == 1 %} {{ scope[0].name }} in (select {{ scope[0].name }} from {{ scopes | expression }})
        {%- else %} ({{ bare(scope) }}) in (select {{ bare(scope) }} from {{ scopes | expression }}){% endif %}

        {% if with_null %}
        {% for column in scope %}
        or {{ column.name }} is null
        {% endfor %}
        {% endif %}
      union all
      select
        {% for column in columns %}
        cast({{ column.name }} as {{ column.data_type | data_type }}),
        {% endfor %}
        1
      from (
{{ recomputed | expression }}
      )
    )
    group by {{ names }}
  )
)
where _copies <> 0
