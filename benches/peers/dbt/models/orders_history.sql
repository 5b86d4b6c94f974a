-- The versions of each order. All versions of an order with new events are made anew.
{{ config(incremental_strategy='delete+insert', unique_key='order_id') }}

{% set columns = ['customer_id', 'status', 'order_sum', 'description', 'order_timestamp'] %}

with events as (
  select
    *,
    lead(audit_timestamp) over (partition by order_id order by audit_event_id) as next_at
  from {{ ref('stg_orders') }}
  {% if is_incremental() %}
  where order_id in (select order_id from {{ ref('stg_orders') }} where {{ is_new() }})
  {% endif %}
),

-- If several events of a key have the same time, only the last one was visible.
visible as (
  select
    *,
    {% for column in columns %}
    lag({{ column }}) over (partition by order_id order by audit_event_id) as previous_{{ column }},
    {% endfor %}
    lag(audit_operation, 1, 'D') over (partition by order_id order by audit_event_id) as previous_operation
  from events
  where next_at is null or next_at > audit_timestamp
),

-- A version begins with an insert or a change, and ends with the next one or with a delete.
boundaries as (
  select
    *,
    lead(audit_timestamp) over (partition by order_id order by audit_event_id) as valid_to,
    lead(audit_operation, 1, 'I') over (partition by order_id order by audit_event_id) = 'D' as is_deleted
  from visible
  where (audit_operation = 'D') <> (previous_operation = 'D')
    or audit_operation <> 'D' and (
      {% for column in columns %}
      {{ column }} is distinct from previous_{{ column }}{% if not loop.last %} or{% endif %}

      {% endfor %}
    )
)

select
  order_id, {{ columns | join(', ') }},
  audit_timestamp as valid_from, valid_to, valid_to is null as is_current, is_deleted,
  audit_event_id, _batch_id
from boundaries
where audit_operation <> 'D'
