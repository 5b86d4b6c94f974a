{{ config(unique_key='order_id') }}
select
  o.order_id,
  o.customer_id,
  o.country,
  o.is_eu,
  o.status,
  o.status_group,
  o.ordered_on,
  o.ordered_at,
  o.net_amount,
  o.paid_amount,
  o.net_amount - o.paid_amount as due_amount,
  case
    when o.paid_amount = 0 then 'unpaid'
    when o.paid_amount < o.net_amount then 'partly'
    else 'paid'
  end as payment_state,
  coalesce(t.lines, 0) as lines,
  coalesce(t.items_amount, 0) as items_amount,
  f.order_id is not null as is_first_order,
  o.net_amount >= {{ var('large_order') }} as is_large
from {{ ref('int_orders_enriched') }} o
left join {{ ref('int_order_item_totals') }} t on t.order_id = o.order_id
left join {{ ref('int_first_orders') }} f on f.order_id = o.order_id
{% if is_incremental() %}
where o.ordered_on >= (select date_add('day', -3, max(ordered_on)) from {{ this }})
{% endif %}
