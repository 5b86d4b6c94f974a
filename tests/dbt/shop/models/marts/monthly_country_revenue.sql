{{ config(unique_key=['order_month', 'country']) }}
select
  {{ dbt.date_trunc('month', 'o.ordered_on') }} as order_month,
  c.country,
  count(*) as orders,
  sum(o.net_amount) as revenue,
  avg(o.net_amount) as average_order,
  sum(case when o.is_large then o.net_amount else 0 end) as revenue_of_large_orders
from {{ ref('fct_orders') }} o
join {{ ref('dim_customers') }} c on c.customer_id = o.customer_id
group by {{ dbt.date_trunc('month', 'o.ordered_on') }}, c.country
