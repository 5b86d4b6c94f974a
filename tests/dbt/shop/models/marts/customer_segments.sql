{{ config(unique_key='customer_id') }}
with spent as (
  select customer_id, count(*) as orders, sum(net_amount) as amount
  from {{ ref('fct_orders') }}
  where status_group <> 'back'
  group by customer_id
)

select
  s.customer_id,
  s.orders,
  s.amount,
  s.amount > (select avg(net_amount) from {{ ref('fct_orders') }}) as is_above_average_order,
  case
    when s.customer_id in (select customer_id from {{ ref('fct_orders') }} where is_large) then 'large'
    when s.orders > 5 then 'loyal'
    else 'usual'
  end as segment,
  exists (
    select 1 from {{ ref('fct_orders') }} r where r.customer_id = s.customer_id and r.status_group = 'back'
  ) as has_returns
from spent s
