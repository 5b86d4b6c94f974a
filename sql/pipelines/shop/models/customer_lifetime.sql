{{ config(materialized='incremental', unique_key='customer_id') }}
-- How customers' orders went on, from all their versions.
select
  customer_id,
  count(distinct order_id) as orders,
  count(*) as versions,
  count_if(is_deleted) as deleted,
  min(valid_from) as first_order_at,
  max(valid_from) as last_change_at
from {{ ref('orders_history') }}
group by customer_id
