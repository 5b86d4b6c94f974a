{{ config(materialized='incremental', unique_key=['customer_id', 'place']) }}
-- The three largest orders of each customer.
select customer_id, place, order_id, order_sum
from (
  select
    customer_id,
    order_id,
    order_sum,
    row_number() over (partition by customer_id order by order_sum desc, order_id) as place
  from {{ ref('orders') }}
)
where place <= 3
