{{ config(unique_key='ordered_on') }}
select
  ordered_on,
  count(*) as orders,
  count(distinct customer_id) as customers,
  cast(sum(net_amount) as decimal(38,2)) as revenue,
  max(net_amount) as largest_order,
  sum(net_amount) filter (where is_large) as revenue_of_large_orders,
  count_if(is_first_order) as first_orders
from {{ ref('fct_orders') }}
where status_group <> 'back'
group by ordered_on
