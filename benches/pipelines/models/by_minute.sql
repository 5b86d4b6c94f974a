{{ config(materialized='incremental', unique_key='minute') }}
-- An aggregate. A minute has 300 orders.
select
  date_trunc('minute', order_timestamp) as minute,
  count(*) as orders,
  count(distinct customer_id) as customers,
  sum(order_sum) as revenue
from {{ ref('orders') }}
group by 1
