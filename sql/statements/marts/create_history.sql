-- Creates the table of the versions of a source table. Open ones have files of their own: a change reads only those.
{% from 'marts/properties.sql' import with_properties %}
create table if not exists {{ history }} (
  {% for column in columns %}
  {{ column.name }} {{ column.data_type | data_type }},
  {% endfor %}
  valid_from timestamp(6) with time zone,
  valid_to timestamp(6) with time zone,
  is_current boolean,
  is_deleted boolean,
  _event_id bigint,
  _ingested_at timestamp(6) with time zone,
  _batch_id bigint
){{ with_properties(history_properties) }}
