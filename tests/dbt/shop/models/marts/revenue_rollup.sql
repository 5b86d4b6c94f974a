{{ config(materialized='table') }}
select
  coalesce(country, '??') as country,
  payment_state,
  grouping(country, payment_state) as level,
  count(*) as orders,
  sum(net_amount) as revenue
from {{ ref('fct_orders') }}
group by grouping sets ((country, payment_state), (country), ())
