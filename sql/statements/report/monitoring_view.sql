-- Makes the view that counts a pipeline's events by hour, table and type of change.
create or replace view {{ view }} as
select hour, table_name, change_type, count(*) as events, min(_occurred_at) as first_event_at, max(_occurred_at) as last_event_at
from (
  {% for table in tables %}
  select
    date_trunc('hour', _occurred_at) as hour,
    cast({{ table.name | literal }} as varchar) as table_name,
    case _operation
      when 'I' then 'insert' when 'U' then 'update' when 'D' then 'delete' when 'T' then 'truncate' else _operation
    end as change_type,
    _occurred_at
  from {{ table.staging }}
  {% if not loop.last %}
  union all
  {% endif %}
  {% endfor %}
)
group by hour, table_name, change_type
