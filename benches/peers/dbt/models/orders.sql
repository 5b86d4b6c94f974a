-- The current row of each order. A deleted order is merged as what it is and then removed: the adapter's merge cannot delete.
{{ config(
  incremental_strategy='merge',
  unique_key='order_id',
  post_hook="delete from {{ this }} where audit_operation = 'D'"
) }}

with events as (
  select *
  from {{ ref('stg_orders') }}
  {% if is_incremental() %}
  where order_id in (select order_id from {{ ref('stg_orders') }} where {{ is_new() }})
    -- The last event of an order with new events is one of them, or comes after them. So only a batch with late events reads old files.
    and audit_event_id >= (select min(audit_event_id) from {{ ref('stg_orders') }} where {{ is_new() }})
  {% endif %}
),

numbered as (
  select *, row_number() over (partition by order_id order by audit_event_id desc) as place
  from events
)

select
  order_id, customer_id, status, order_sum, description, order_timestamp,
  audit_event_id, audit_operation, audit_timestamp, _batch_id
from numbered
where place = 1
{% if not is_incremental() %}
  and audit_operation <> 'D'
{% endif %}
