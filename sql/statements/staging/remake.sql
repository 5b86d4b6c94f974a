-- Remakes the typed log from everything that landed, and replaces the table in one commit.
{% from 'marts/names.sql' import bare %}
{% if build %}insert into {{ build }}{% else %}create or replace table {{ staging }} as{% endif %}

select _event_id, _operation, _occurred_at, _ingested_at, _batch_id, {{ bare(columns) }}
from (
  {% include 'staging/firsts.sql' %}
)
