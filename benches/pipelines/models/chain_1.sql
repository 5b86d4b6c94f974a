{{ config(materialized='incremental', unique_key='customer_id', tags='chain') }}
select customer_id, count(*) as orders, sum(order_sum) as revenue from {{ ref('orders') }} group by customer_id
