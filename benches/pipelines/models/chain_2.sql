{{ config(materialized='incremental', unique_key='customer_id', tags='chain') }}
select customer_id, orders, revenue from {{ ref('chain_1') }} where revenue > 1000
