{{ config(materialized='incremental', unique_key='customer_id') }}
-- Customers without an order.
select customer_id
from {{ ref('customers') }} as customers
where not exists (
  select 1 from {{ ref('orders') }} as orders where orders.customer_id = customers.customer_id
)
