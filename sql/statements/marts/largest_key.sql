-- Finds the key with the most events among the keys of a slice.
{% from 'marts/names.sql' import bare, sliced %}
select
  concat_ws(', ', {% for column in key_columns %}coalesce({% if column.kind == 'varbinary' %}to_hex({{ column.name }}){% else %}cast({{ column.name }} as varchar){% endif %}, 'null'){% if not loop.last %}, {% endif %}{% endfor %}) as key,
  count(*) as events
from {{ staging }}
where _batch_id <= {{ upto_batch }} and {{ sliced(key_columns, slice) }}
group by {{ bare(key_columns) }}
order by events desc
limit 1
