-- Makes the current row of every touched key what its last event says.
-- Doing it twice is harmless: a row that is right stays as it is.
{% from 'marts/names.sql' import list, bare, equal, within %}
merge into {{ current }} as target
using (
  {% include 'marts/current_changes.sql' %}
) as change
on {{ equal(key_columns, 'target', 'change') }}{{ within('target', bounds) }}
when matched and not change._exists then delete
when matched then update set
  {% for column in value_columns %}
  {{ column.name }} = change.{{ column.name }},
  {% endfor %}
  _event_id = change._event_id, _occurred_at = change._occurred_at, _ingested_at = change._ingested_at,
  _batch_id = change._batch_id
when not matched then insert (
  {{ bare(columns) }}, _event_id, _occurred_at, _ingested_at, _batch_id
) values (
  {{ list(columns, 'change') }}, change._event_id, change._occurred_at, change._ingested_at, change._batch_id
)
