{{ config(unique_key='ordered_on') }}
select
  ordered_on,
  {{ dbt_utils.pivot('status', all_statuses(), agg='count', then_value='order_id', else_value='null', prefix='orders ') }},
  count(*) as orders
from {{ ref('stg_orders') }}
group by ordered_on
