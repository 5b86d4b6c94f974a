{{ config(unique_key='order_id', tags=['hourly']) }}
-- Orders that wait for more than 30 days.
select
  order_id,
  customer_id,
  ordered_on,
  {{ dbt.datediff('ordered_on', 'current_date', 'day') }} as days_open,
  {{ dbt.dateadd('day', 30, 'ordered_on') }} as due_on
from {{ ref('stg_orders') }}
where status_group = 'open' and ordered_on < date_add('day', -30, current_date)
