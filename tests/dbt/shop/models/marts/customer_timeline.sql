{{ config(unique_key='event_key') }}
-- What happened to customers, one event a row.
select
  {{ dbt_utils.generate_surrogate_key(["'order'", 'order_id']) }} as event_key,
  customer_id,
  'ordered' as event,
  ordered_at as happened_at,
  net_amount as amount
from {{ ref('stg_orders') }}

union all

select
  {{ dbt_utils.generate_surrogate_key(["'payment'", 'p.payment_id']) }} as event_key,
  o.customer_id,
  p.state as event,
  p.paid_at as happened_at,
  p.signed_amount as amount
from {{ ref('stg_payments') }} p
join {{ ref('stg_orders') }} o on o.order_id = p.order_id
