-- The typed events of orders, each once.
{{ config(incremental_strategy='merge', unique_key='audit_event_id') }}

with landed as (
  select *, row_number() over (partition by audit_event_id order by ingested_at) as occurrence
  from {{ source('landing', 'events') }}
  where tbl_schema = 'public' and tbl_name = 'orders'
  {% if is_incremental() %}
    and {{ is_new() }}
  {% endif %}
)

select
  audit_event_id,
  audit_operation,
  audit_timestamp,
  _batch_id,
  try_cast(json_extract_scalar(raw_data, '$.order_id') as bigint) as order_id,
  try_cast(json_extract_scalar(raw_data, '$.customer_id') as bigint) as customer_id,
  json_extract_scalar(raw_data, '$.status') as status,
  try_cast(json_extract_scalar(raw_data, '$.order_sum') as decimal(18, 2)) as order_sum,
  json_extract_scalar(raw_data, '$.description') as description,
  try_cast(replace(json_extract_scalar(raw_data, '$.order_timestamp'), 'T', ' ') as timestamp(6) with time zone) as order_timestamp
from landed
where occurrence = 1
