{{ config(unique_key='order_id') }}
-- How orders went on, from all their versions.
select
  order_id,
  count(*) as versions,
  count(distinct status) as statuses,
  bool_or(is_deleted) as is_deleted,
  max(order_sum) - min(order_sum) as change_of_sum,
  min(valid_from) as first_seen_at,
  {{ dbt.datediff('min(valid_from)', 'max(valid_from)', 'hour') }} as hours_of_changes
from {{ ref('orders_history') }}
group by order_id
