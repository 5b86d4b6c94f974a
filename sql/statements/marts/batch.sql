{# The rows of `batch`: the events of the batches, without truncates. #}
{% from 'marts/names.sql' import bare, row_events %}
  select {{ bare(columns) }}, _event_id, _operation, _occurred_at, _ingested_at, _batch_id
  from {{ staging }}
  where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }} and _operation in {{ row_events }}
