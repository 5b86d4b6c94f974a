-- Reads the events that the last snapshot did not have; all of them the first time.
copy (
  select
    {{ columns.event_id }}::bigint, {{ columns.operation }}::text, {{ columns.occurred_at }}::timestamptz,
    {{ columns.schema }}::text, {{ columns.table }}::text, {{ columns.data }}::text
  from {{ table }}
  {% include 'source/unread.sql' %}
) to stdout (format binary)
