{{ config(materialized='incremental', unique_key=['order_month', 'value_segment']) }}
-- Orders by month and segment.
select
  order_month,
  value_segment,
  count(*) as orders,
  count(distinct customer_id) as customers,
  sum(revenue) as revenue,
  count_if(is_delivered) as delivered,
  count_if(is_returned) as returned,
  count_if(has_bad_quantity or has_bad_discount) as doubtful
from {{ ref('orders_derived') }}
group by order_month, value_segment
