{{ config(unique_key='order_id') }}
-- What was paid for each order, by method.
select
  order_id,
  count(*) as payments,
  sum(signed_amount) as paid_amount,
  {{ dbt_utils.pivot('method', var('payment_methods'), then_value='signed_amount', else_value=0, prefix='paid_by_', quote_identifiers=false) }},
  min(paid_at) as first_paid_at,
  {{ dbt.bool_or("state = 'refunded'") }} as has_refund
from {{ ref('stg_payments') }}
group by order_id
having count_if(state <> 'failed') > 0
