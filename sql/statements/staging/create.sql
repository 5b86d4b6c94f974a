-- Creates the typed log of one table.
create table if not exists {{ staging }} (
  _event_id bigint,
  _operation varchar,
  _occurred_at timestamp(6) with time zone,
  _ingested_at timestamp(6) with time zone,
  _batch_id bigint,
  {% for column in columns %}
  {{ column.name }} {{ column.data_type | data_type }}{% if not loop.last %},{% endif %}
  {% endfor %}
)
