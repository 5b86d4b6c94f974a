{{ config(unique_key='order_item_key') }}
-- Lines with their product and the day of their order.
select
  i.order_item_key,
  i.order_id,
  i.line_no,
  o.customer_id,
  o.ordered_on,
  o.order_month,
  i.product_id,
  coalesce(p.product_name, 'unknown') as product_name,
  coalesce(p.category, 'unknown') as category,
  i.quantity,
  i.line_amount,
  cast(i.quantity * p.list_price as decimal(18,2)) as list_amount
from {{ ref('stg_order_items') }} i
join {{ ref('stg_orders') }} o on o.order_id = i.order_id
left join {{ ref('stg_products') }} p on p.product_id = i.product_id
