{{ config(unique_key=['product_id', 'other_product_id']) }}
-- Products that are bought together more than once.
select
  a.product_id,
  b.product_id as other_product_id,
  count(distinct a.order_id) as orders,
  sum(a.line_amount + b.line_amount) as amount
from {{ ref('int_order_lines') }} a
join {{ ref('int_order_lines') }} b on b.order_id = a.order_id and b.product_id > a.product_id
group by a.product_id, b.product_id
having count(distinct a.order_id) > 1
