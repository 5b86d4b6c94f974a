select
  order_id,
  customer_id,
  lower(trim(status)) as status,
  {{ status_group('lower(trim(status))') }} as status_group,
  order_sum,
  coalesce(discount, 0) as discount,
  {{ net_amount('order_sum', 'discount') }} as net_amount,
  quantity,
  {{ dbt.safe_cast('weight_kg', 'decimal(9,3)') }} as weight_kg,
  express as is_express,
  coalesce(json_extract_scalar(attributes, '$.channel'), 'unknown') as channel,
  ordered_on,
  order_timestamp as ordered_at,
  {{ dbt.date_trunc('month', 'ordered_on') }} as order_month
from {{ ref('orders') }}
