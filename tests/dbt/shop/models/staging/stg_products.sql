select
  product_id,
  {{ dbt.replace('product_name', "'\"'", "''") }} as product_name,
  coalesce(category, 'other') as category,
  list_price,
  launched_on,
  {{ dbt.last_day('launched_on', 'quarter') }} as launch_quarter_ends_on
from {{ ref('products') }}
