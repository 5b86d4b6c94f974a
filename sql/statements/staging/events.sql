{# Gives `judged`: the events of the batches, or the chosen rejects, in the types of the columns. `_reason` says why an
   event cannot be taken, or is null. Names of ours begin with `_`, which no business column does.

   A slice has the events of some ids, or of some keys (`slices_by_key`) if events of a key are compared. #}
{% from 'staging/reject_id.sql' import chosen %}
{% from 'marts/names.sql' import sliced %}
{% from 'staging/typed.sql' import typed, text, nested, inside, misfit %}
-- The events as they landed, with each column's field as text.
with landed as (
  select
    ingested_at as _ingested_at, source_file as _source_file, audit_event_id as _event_id,
    audit_operation as _operation, audit_timestamp as _occurred_at, tbl_schema as _schema, tbl_name as _table,
    raw_data as _raw_data, fields as _fields, _batch_id
    {% for column in columns %}
    {% if column.path %}
    -- A scalar inside a field's JSON, as its exact text; an object or a list there is no value.
    , json_extract_scalar(element_at(fields, {{ column.from | literal }}), {{ column.path | literal }})
      as {{ text(column) }}
    , {{ inside(column) }} as {{ nested(column) }}
    {% else %}
    , element_at(fields, {{ column.from | literal }}) as {{ text(column) }}
    {% endif %}
    {% endfor %}
  {% if replaying %}
  from {{ rejects }}
  where {{ chosen(from, reason, ids, before) }}
  {% else %}
  from {{ landing }}
  where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}
    and tbl_schema = {{ from.schema | literal }} and tbl_name = {{ from.name | literal }}
  {% endif %}
  {% if slice and not slices_by_key %}
    and {{ sliced([{'name': 'audit_event_id', 'kind': 'integer'}], slice) }}
  {% endif %}
),
-- Each field in its column's type. A value that does not fit is null here; `judged` finds it.
typed as (
  select
    landed.*,
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
      when _operation = 'F' then 'forgotten'
      when _event_id is null or _occurred_at is null then 'bad_value'
      when _operation is null or _operation not in ('I', 'U', 'D', 'T') then 'bad_operation'
      when _occurred_at > date_add('second', {{ max_clock_skew_seconds }}, _ingested_at) then 'future_time'
      when _operation = 'T' then null
      when _fields is null then 'bad_json'
      {% for column in key_columns %}
      when {{ misfit(column) }} then 'bad_value'
      {% endfor %}
      {% for column in key_columns %}
      when {{ column.name }} is null
        {%- if column.kind == 'float' %} or is_nan({{ column.name }}){% endif %} then 'null_key'
      {% endfor %}
      when _operation = 'D' then null
      {% for column in value_columns %}
      when {{ misfit(column) }} then 'bad_value'
      {% endfor %}
    end as _reason
  from typed
  {% if slice and slices_by_key %}
  where {{ sliced(key_columns, slice) }}
  {% endif %}
)
