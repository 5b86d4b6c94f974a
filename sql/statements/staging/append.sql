-- Appends the events of the batches to the typed log, where all their ids are above the ids in it.
-- Doing it twice would double them: the caller knows what the log has.
{% from 'marts/names.sql' import bare %}
insert into {{ staging }} (
  _event_id, _operation, _occurred_at, _ingested_at, _batch_id,
  {{ bare(columns) }}
)
select _event_id, _operation, _occurred_at, _ingested_at, _batch_id, {{ bare(columns) }}
from (
  {% include 'staging/firsts.sql' %}
)
