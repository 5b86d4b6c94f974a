{{ config(materialized='incremental', unique_key='order_id') }}
-- A join.
select orders.order_id, orders.status, orders.order_sum, orders.order_timestamp, customers.name, customers.region
from {{ ref('orders') }} as orders
join {{ source('crm', 'customers') }} as customers on customers.customer_id = orders.customer_id
