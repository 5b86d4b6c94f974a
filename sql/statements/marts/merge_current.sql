-- Makes the current row of every touched key what its last event says; harmless twice, because a row that is right is left alone.
merge into {{ current }} as target
using (
  {% include 'marts/events.sql' %}
  {% from 'marts/names.sql' import list, bare, equal, differ %}
  -- Found by key and id alone, because whole rows of every key would not fit into memory at once.
  , newest as (
    select max(_event_id) as _newest from events group by {{ bare(key_columns) }}
  ),
  -- A truncate after the last event of a key deletes it as well.
  lasts as (
    select
      events.*,
      _operation <> 'D'{% if truncated %} and _event_id > (
        select coalesce(max(_event_id), -1) from {{ staging }} where _operation = 'T' and _batch_id <= {{ upto_batch }}
      ){% endif %} as _exists
    from events
    join newest on events._event_id = newest._newest
  )
  -- Only rows that act: a row as it should be is not written, a delete of nothing neither.
  select lasts.*
  from lasts
  left join {{ current }} as present on {{ equal(key_columns, 'present', 'lasts') }}
  where if(_exists,
    present._event_id is null{% if value_columns %} or {{ differ(value_columns, 'present', 'lasts') }}{% endif %},
    present._event_id is not null)
) as change
on {{ equal(key_columns, 'target', 'change') }}
when matched and not change._exists then delete
when matched then update set
  {% for column in value_columns %}
  {{ column.name }} = change.{{ column.name }},
  {% endfor %}
  _event_id = change._event_id, _occurred_at = change._occurred_at, _ingested_at = change._ingested_at, _batch_id = change._batch_id
when not matched then insert (
  {{ bare(columns) }}, _event_id, _occurred_at, _ingested_at, _batch_id
) values (
  {{ list(columns, 'change') }}, change._event_id, change._occurred_at, change._ingested_at, change._batch_id
)
