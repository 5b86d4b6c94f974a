{{ config(materialized='view') }}
select customer_id, order_id, ordered_on as first_ordered_on, net_amount as first_amount
from {{ ref('int_customer_orders') }}
where order_no = 1
