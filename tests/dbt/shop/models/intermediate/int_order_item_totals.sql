{{ config(unique_key='order_id') }}
-- Orders with lines.
with lines as (
  select order_id, product_id, category, quantity, line_amount, list_amount
  from {{ ref('int_order_lines') }}
)

select
  order_id,
  count(*) as lines,
  count(distinct product_id) as products,
  count(distinct category) as categories,
  sum(quantity) as items,
  sum(line_amount) as items_amount,
  sum(list_amount) - sum(line_amount) as saved_amount,
  {{ dbt.listagg('cast(product_id as varchar)', "','", 'order by product_id, line_amount') }} as product_ids
from lines
group by 1
