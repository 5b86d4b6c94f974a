{{ config(unique_key='customer_id') }}
select
  c.customer_id,
  c.customer_name,
  c.email,
  c.country,
  k.country_name,
  k.region,
  f.first_ordered_on,
  f.order_id as first_order_id,
  f.first_ordered_on is not null as is_buyer
from {{ ref('stg_customers') }} c
left join {{ ref('stg_countries') }} k on k.country = c.country
left join {{ ref('int_first_orders') }} f on f.customer_id = c.customer_id
