-- Makes the versions of every touched key what its events say. A version that is right stays as it is. The history must
-- not have these batches yet. If an earlier attempt may have merged them, all touched keys are made from their whole
-- typed log.
{% from 'marts/names.sql' import list, bare, equal, within %}
merge into {{ history }} as target
using (
  {% include 'marts/history_changes.sql' %}
) as change
on {{ equal(key_columns, 'target', 'change') }} and target.valid_from = change.valid_from{{ within('target', bounds) }}
{% if not (reads_whole_typed_log or rereads_keys) %}
  -- Newer events change no other version, so Trino reads the files of the open ones alone.
  and target.is_current
{% endif %}
when matched and change._is_gone then delete
when matched then update set
  {% for column in value_columns %}
  {{ column.name }} = change.{{ column.name }},
  {% endfor %}
  valid_to = change.valid_to, is_current = change.is_current, is_deleted = change.is_deleted,
  _event_id = change._event_id, _ingested_at = change._ingested_at, _batch_id = change._batch_id
when not matched then insert (
  {{ bare(columns) }}, valid_from, valid_to, is_current, is_deleted, _event_id, _ingested_at, _batch_id
) values (
  {{ list(columns, 'change') }}, change.valid_from, change.valid_to, change.is_current, change.is_deleted,
  change._event_id, change._ingested_at, change._batch_id
)
