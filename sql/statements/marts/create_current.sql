-- Creates the table of the current rows of a source table.
{% from 'marts/properties.sql' import with_properties %}
create table if not exists {{ current }} (
  {% for column in columns %}
  {{ column.name }} {{ column.data_type | data_type }},
  {% endfor %}
  _event_id bigint,
  _occurred_at timestamp(6) with time zone,
  _ingested_at timestamp(6) with time zone,
  _batch_id bigint
){{ with_properties(current_properties) }}
