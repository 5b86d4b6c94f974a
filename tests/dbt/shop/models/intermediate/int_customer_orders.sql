{{ config(unique_key=['customer_id', 'order_no']) }}
-- The orders of each customer, one after the other.
select
  customer_id,
  row_number() over (partition by customer_id order by ordered_at, order_id) as order_no,
  order_id,
  ordered_on,
  net_amount,
  lag(ordered_on) over (partition by customer_id order by ordered_at, order_id) as previous_ordered_on,
  {{ dbt.datediff('lag(ordered_on) over (partition by customer_id order by ordered_at, order_id)', 'ordered_on', 'day') }} as days_since_previous,
  sum(net_amount) over (partition by customer_id order by ordered_at, order_id rows unbounded preceding) as amount_so_far
from {{ ref('stg_orders') }}
where status_group <> 'back'
