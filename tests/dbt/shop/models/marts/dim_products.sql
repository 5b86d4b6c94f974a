{{ config(materialized='table') }}
with sold as (
  select product_id, sum(quantity) as items, sum(line_amount) as amount, max(ordered_on) as last_ordered_on
  from {{ ref('int_order_lines') }}
  group by product_id
)

select
  p.*,
  coalesce(s.items, 0) as items,
  coalesce(s.amount, 0) as amount,
  s.last_ordered_on,
  dense_rank() over (partition by p.category order by coalesce(s.amount, 0) desc) as place_in_category,
  {{ dbt_utils.safe_divide('s.amount', 's.items') }} as average_price
from {{ ref('stg_products') }} p
left join sold s on s.product_id = p.product_id
