-- Lists how the rows of a model over given rows differ from the expected ones.
{% from 'marts/names.sql' import bare %}
with actual as (
  select {{ bare(columns) }} from (
{{ sql | expression }}
  )
),
expected as (
  select {{ bare(columns) }} from {{ expected | expression }}
)
select 'missing' as difference, {{ bare(columns) }} from (select * from expected except all select * from actual)
union all
select 'unexpected' as difference, {{ bare(columns) }} from (select * from actual except all select * from expected)
limit {{ most }}
