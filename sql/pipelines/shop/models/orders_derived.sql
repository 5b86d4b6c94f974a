{{ config(materialized='view') }}
-- Each order with what reports ask for, and what is wrong with it.
select
  order_id,
  customer_id,
  status,
  order_sum,
  cast(round(order_sum * (1 - coalesce(discount, 0)), 2) as decimal(18,2)) as revenue,
  year(ordered_on) as order_year,
  date_trunc('month', ordered_on) as order_month,
  ordered_on,
  case
    when order_sum >= {{ var('large_order', 300) }} then 'large'
    when order_sum >= {{ var('medium_order', 100) }} then 'medium'
    else 'small'
  end as value_segment,
  case status when 'delivered' then 'completed' when 'returned' then 'returned' else 'open' end as order_state,
  -- Changes each day. Models that do not read it stay incremental.
  date_diff('day', ordered_on, current_date) as days_since_order,
  status = 'delivered' as is_delivered,
  status = 'returned' as is_returned,
  quantity is null or quantity < 1 as has_bad_quantity,
  coalesce(discount, 0) >= 1 as has_bad_discount
from {{ ref('orders') }}
