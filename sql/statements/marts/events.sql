{% from 'marts/names.sql' import list, bare, equal, sampled, within %}
{# The events that decide: of a key that only newer events touched, those of the batches; of any other, all of the log. #}
{% if everything %}
with events as (
  select {{ bare(columns) }}, _event_id, _operation, _occurred_at, _ingested_at, _batch_id, false as _is_newer
  from {{ staging }}
  where _batch_id <= {{ upto_batch }} and _operation <> 'T'
  {% if sample_of %}
    and {{ sampled(key_columns, sample_of) }}
  {% endif %}
)
{% else %}
with batch as (
{% include 'marts/batch.sql' %}
),
{% if has_older %}
-- Keys with an event that is not newer, by id and by time, than everything before these batches: their tables do not tell enough.
older as (
  {% if keys %}
{% include 'marts/given.sql' %}
  {% else %}
  select distinct {{ bare(key_columns) }}
  from batch
  where {% if by_clock %}_event_id < {{ first_logged }}{% else %}_event_id <= {{ highest_event }}{% endif %} or _occurred_at <= timestamp {{ highest_time | literal }}
  {% endif %}
),
events as (
  select {{ list(columns, 'batch') }}, batch._event_id, batch._operation, batch._occurred_at, batch._ingested_at, batch._batch_id, true as _is_newer
  from batch
  left join older on {{ equal(key_columns, 'batch', 'older') }}
  where older.{{ key_columns[0].name }} is null
  union all
  select {{ list(columns, 'staged') }}, staged._event_id, staged._operation, staged._occurred_at, staged._ingested_at, staged._batch_id, false
  from {{ staging }} as staged
  join older on {{ equal(key_columns, 'staged', 'older') }}{{ within('staged', bounds) }}
  where staged._batch_id <= {{ upto_batch }} and staged._operation <> 'T'
)
{% else %}
events as (select *, true as _is_newer from batch)
{% endif %}
{% endif %}
