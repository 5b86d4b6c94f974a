select
  {{ dbt_utils.generate_surrogate_key(['order_id', 'line_no']) }} as order_item_key,
  order_id,
  line_no,
  product_id,
  quantity,
  unit_price,
  cast(quantity * unit_price as decimal(18,2)) as line_amount
from {{ ref('order_items') }}
