-- An aggregate. The minutes are computed again in which versions of orders came or ended: the history alone still has the old minute of an
-- order that moved or was deleted. A minute without orders is merged with a count of 0 and then removed: the adapter's merge cannot delete.
{{ config(
  incremental_strategy='merge',
  unique_key='minute',
  post_hook="{% if is_incremental() %}delete from {{ this }} where orders = 0{% endif %}"
) }}

{% if is_incremental() %}
with affected as (
  select date_trunc('minute', order_timestamp) as minute from {{ source('marts', 'orders_history') }} where {{ is_new() }}
  union
  select date_trunc('minute', order_timestamp) as minute from {{ source('marts', 'orders_history') }} where {{ has_ended() }}
),

-- By `in`, Trino reads the orders of these minutes only. By an outer join it would read all.
computed as (
{% endif %}

select
  date_trunc('minute', order_timestamp) as minute,
  count(*) as orders,
  count(distinct customer_id) as customers,
  sum(order_sum) as revenue,
  max(_batch_id) as _batch_id,
  max(_occurred_at) as _occurred_at
from {{ source('marts', 'orders') }}
{% if is_incremental() %}
where date_trunc('minute', order_timestamp) in (select minute from affected)
{% endif %}
group by 1

{% if is_incremental() %}
)

select
  affected.minute, coalesce(computed.orders, 0) as orders, computed.customers, computed.revenue, computed._batch_id, computed._occurred_at
from affected
left join computed on computed.minute = affected.minute
{% endif %}
