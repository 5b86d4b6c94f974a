{{ config(unique_key='order_id') }}
-- Orders with their customer, country and payments, as far as these are there.
select
  o.order_id,
  o.customer_id,
  c.customer_name,
  c.email_domain,
  coalesce(c.country, '??') as country,
  k.region,
  coalesce(k.is_eu, false) as is_eu,
  o.status,
  o.status_group,
  o.channel,
  o.ordered_on,
  o.order_month,
  o.ordered_at,
  o.net_amount,
  coalesce(p.paid_amount, 0) as paid_amount,
  {{ dbt.datediff('o.ordered_at', 'p.first_paid_at', 'hour') }} as hours_to_payment
from {{ ref('stg_orders') }} o
left join {{ ref('stg_customers') }} c on c.customer_id = o.customer_id
left join {{ ref('stg_countries') }} k on k.country = c.country
left join {{ ref('int_order_payments') }} p on p.order_id = o.order_id
