-- Reads the rows of a table whose keys have no event in the log: the rows from before the log. In the snapshot that the
-- log is read in.
copy (
  select
    null::bigint, 'I'::text, {{ at | literal }}::timestamptz, {{ schema | literal }}::text, {{ name | literal }}::text,
    {% include 'source/row.sql' %}

  from {{ table }} as source
  {% if has_events %}
  where not exists (
    select from {{ log }} as event
    where event.{{ columns.schema }}::text = {{ schema | literal }}
      and event.{{ columns.table }}::text = {{ name | literal }}
    {% for column in key %}
      and event.{{ columns.data }}::jsonb -> {{ column | literal }} = to_jsonb(source.{{ column }})
    {% endfor %}
  )
  {% endif %}
) to stdout (format binary)
