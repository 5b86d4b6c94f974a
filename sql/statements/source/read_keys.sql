-- Reads the keys of a table, all of them, in the snapshot in which its changed rows are read.
copy (
  select {% if not is_unique %}distinct{% endif %}

    null::bigint, 'K'::text, transaction_timestamp(), {{ schema | literal }}::text, {{ name | literal }}::text,
    jsonb_build_object({% for column in key %}{{ column | literal }}, {{ column }}{% if not loop.last %}, {% endif %}{% endfor %})::text
  from {{ table }} as source
  {% if filter %}
  where ({{ filter | expression }}
  )
  {% endif %}
) to stdout (format binary)
