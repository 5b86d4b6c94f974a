-- Counts the current rows that truncates of the batches deleted.
{% from 'marts/names.sql' import equal, bare, sliced, row_events %}
{% from 'marts/order.sql' import place %}
{# The current rows as they were at a snapshot. #}
{% macro rows_at(snapshot) %}
select * from {% if current_is_view %}{{ history }}{% else %}{{ current }}{% endif %} for version as of {{ snapshot }}
where true{% if current_is_view %} and is_current{% endif %}{% if slice %} and {{ sliced(key_columns, slice) }}{% endif %}
{% endmacro %}
-- A truncate deleted a row that is gone and has no event after the truncate in these batches.
select count(*) as truncated
from ({{ rows_at(parent) }}) as earlier
left join ({{ rows_at(snapshot) }}) as later
  on {{ equal(key_columns, 'earlier', 'later') }}
left join (
  select {{ bare(key_columns) }}, max({{ place('staged') }}) as _last
  from {{ staging }} as staged
  where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }} and _operation in {{ row_events }}
  {% if slice %}
    and {{ sliced(key_columns, slice) }}
  {% endif %}
  group by {{ bare(key_columns) }}
) as winner
  on {{ equal(key_columns, 'earlier', 'winner') }}
  and winner._last > (
    select max({{ place('staged') }})
    from {{ staging }} as staged
    where _operation = 'T' and _batch_id <= {{ upto_batch }}
  )
where later._event_id is null and winner._last is null
