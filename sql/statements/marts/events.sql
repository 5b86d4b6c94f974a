{# Gives `events`, the events that decide about a key: those of the batches, if they are newer than
   everything the key had before, or else its whole typed log (`_is_reread`). It begins the `with`; the including file
   goes on with `, next as (…)`. #}
{% from 'marts/names.sql' import list, bare, equal, chosen, within, within_parts, row_events %}
{% if reads_whole_typed_log %}
-- The whole typed log, for all keys, a slice or a sample of them.
with events as (
  select {{ bare(columns) }}, _event_id, _operation, _occurred_at, _ingested_at, _batch_id, true as _is_reread
  from {% if slice and slice.is_of_sliced_log %}{{ sliced_log }}{% else %}{{ staging }}{% endif %}

  where _batch_id <= {{ upto_batch }} and _operation in {{ row_events }}
{{ chosen(key_columns, sample_of, slice) }}
  {% if slice and slice.is_of_sliced_log %}
{{ within_parts(slice) }}
  {% endif %}
)
{% else %}
with batch as (
{% include 'marts/batch.sql' %}
),
{% if rereads_keys %}
-- The keys whose whole typed log is read. Either a caller named them, or one of their events in these batches is not
-- newer than all before, by id and by time. If the marts may already hold these batches, all keys of the batches.
reread as (
  {% if keys %}
{% include 'marts/given.sql' %}
  {% else %}
  select distinct {{ bare(key_columns) }}
  from batch
  where {% if by_clock %}_event_id < {{ first_audit_id }}{% else %}_event_id <= {{ highest_event }}{% endif %}

    or _occurred_at <= timestamp {{ highest_time | literal }}
  {% endif %}
),
-- The batches' events of all other keys, and the whole typed log of these keys.
events as (
  select
    {{ list(columns, 'batch') }}, batch._event_id, batch._operation, batch._occurred_at, batch._ingested_at,
    batch._batch_id, false as _is_reread
  from batch
  left join reread on {{ equal(key_columns, 'batch', 'reread') }}
  where reread.{{ key_columns[0].name }} is null
  union all
  select
    {{ list(columns, 'staged') }}, staged._event_id, staged._operation, staged._occurred_at, staged._ingested_at,
    staged._batch_id, true
  from {{ staging }} as staged
  join reread on {{ equal(key_columns, 'staged', 'reread') }}{{ within('staged', bounds) }}
  where staged._batch_id <= {{ upto_batch }} and staged._operation in {{ row_events }}
)
{% else %}
-- Every key is newer: the batches' events are enough.
events as (select *, false as _is_reread from batch)
{% endif %}
{% endif %}
