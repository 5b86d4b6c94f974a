{# The changes of the history that act: versions that are new, that changed, or that are no more (`_is_gone`). #}
{% include 'marts/versions.sql' %}
{% from 'marts/names.sql' import bare, equal, differ, within %}
{% if reads_whole_typed_log or rereads_keys %}
-- The versions that the history has of the keys that are made from their whole typed log.
, present as (
  select kept.*
  from {{ history }} as kept
  {% if not reads_whole_typed_log %}
  join reread on {{ equal(key_columns, 'kept', 'reread') }}{{ within('kept', bounds) }}
  {% endif %}
)
select
  {% for column in columns %}
  {% if column.is_key %}
  coalesce(intended.{{ column.name }}, present.{{ column.name }}) as {{ column.name }},
  {% else %}
  intended.{{ column.name }},
  {% endif %}
  {% endfor %}
  coalesce(intended.valid_from, present.valid_from) as valid_from,
  intended.valid_to, intended.is_current, intended.is_deleted, intended._event_id, intended._ingested_at,
  intended._batch_id, intended._event_id is null as _is_gone
from intended
full join present
  on {{ equal(key_columns, 'intended', 'present') }} and intended.valid_from = present.valid_from
where intended._event_id is null
  or (present._event_id is null and not intended._stays)
  or present._event_id is not null and (
    intended._event_id <> present._event_id
    or intended.valid_to is distinct from present.valid_to
    or intended.is_deleted <> present.is_deleted
    or intended.is_current <> present.is_current
    {% if value_columns %}
    or {{ differ(value_columns, 'intended', 'present') }}
    {% endif %}
  )
{% else %}
-- Only newer events came: a version is new, or it is the open one with another end or other untracked values.
select
  {{ bare(columns) }}, valid_from, valid_to, is_current, is_deleted, _event_id, _ingested_at, _batch_id, false as _is_gone
from intended
where not _stays
{% endif %}
