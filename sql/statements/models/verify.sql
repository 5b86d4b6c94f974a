-- Counts the rows that a model's table lacks, and those that it should not have, by what its last refresh read.
{% from 'marts/names.sql' import bare %}
{% set names %}{{ bare(columns) }}{% endset %}
select
  coalesce(sum(_copies) filter (where _copies > 0), 0) as missing,
  coalesce(-sum(_copies) filter (where _copies < 0), 0) as unexpected
from (
  select {{ names }}, sum(_copy) as _copies
  from (
    select {{ names }}, -1 as _copy from {{ at | expression }} as stored
    union all
    select
      {% for column in columns %}
      cast({{ column.name }} as {{ column.data_type | data_type }}),
      {% endfor %}
      1
    from (
{{ sql | expression }}
    )
  )
  group by {{ names }}
)
