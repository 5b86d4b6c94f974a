{{ config(materialized='incremental', unique_key='ordered_on') }}
-- Revenue by day, without returned orders.
select ordered_on, count(*) as orders, sum(revenue) as revenue
from {{ ref('orders_derived') }}
where not is_returned
group by ordered_on
