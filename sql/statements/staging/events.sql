{% from 'staging/typed.sql' import typed, text, misfit %}
{# The events of the batches, typed and judged: `reason` is null where the event can be taken. #}
with landed as (
  select *
  from {{ landing }}
  where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}
    and tbl_schema = {{ from.schema | literal }} and tbl_name = {{ from.table | literal }}
),
-- Each field in its column's type; what does not fit is null here and found below.
typed as (
  select
    ingested_at, source_file, audit_event_id, audit_operation, audit_timestamp, tbl_schema, tbl_name, raw_data, fields, _batch_id,
    {% for column in columns %}
    {{ typed(column) }} as {{ column.name }}{% if not loop.last %},{% endif %}

    {% endfor %}
  from landed
),
-- The first fault of each event. A delete needs no more than its key, a truncate not even that.
judged as (
  select
    typed.*,
    case
      when audit_event_id is null or audit_timestamp is null then 'bad_value'
      when audit_operation is null or audit_operation not in ('I', 'U', 'D', 'T') then 'bad_operation'
      when audit_timestamp > ingested_at + interval '{{ max_clock_skew_seconds }}' second then 'future_time'
      when audit_operation = 'T' then null
      when fields is null then 'bad_json'
      {% for column in key_columns %}
      when {{ misfit(column) }} then 'bad_value'
      {% endfor %}
      {% for column in key_columns %}
      when {{ column.name }} is null then 'null_key'
      {% endfor %}
      when audit_operation = 'D' then null
      {% for column in value_columns %}
      when {{ misfit(column) }} then 'bad_value'
      {% endfor %}
    end as reason
  from typed
)
