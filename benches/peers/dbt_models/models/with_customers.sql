-- A join. An order that was deleted, or has no customer any more, is merged as gone and then removed: the adapter's merge cannot delete.
{{ config(
  incremental_strategy='merge',
  unique_key='order_id',
  post_hook="{% if is_incremental() %}delete from {{ this }} where _is_gone{% endif %}"
) }}

select
  orders.order_id, orders.status, orders.order_sum, orders.order_timestamp, customers.name, customers.region,
  orders._batch_id, orders._occurred_at, customers.customer_id is null as _is_gone
from {{ source('marts', 'orders') }} as orders
{% if is_incremental() %}left {% endif %}join {{ source('marts', 'customers') }} as customers
  on customers.customer_id = orders.customer_id
{% if is_incremental() %}
where {{ is_new() }}

union all

-- Only the history still has a deleted order.
select distinct
  order_id, cast(null as varchar), cast(null as decimal(18, 2)), cast(null as timestamp(6) with time zone), cast(null as varchar), cast(null as varchar),
  cast(null as bigint), cast(null as timestamp(6) with time zone), true
from {{ source('marts', 'orders_history') }}
where is_deleted and {{ has_ended() }}
  and order_id not in (select order_id from {{ source('marts', 'orders') }} where {{ is_new() }})
{% endif %}
