-- Reads all keys of a table, in the snapshot that its changed rows are read in.
copy (
  select {% if not is_unique %}distinct{% endif %}

    null::bigint, 'K'::text, transaction_timestamp(), {{ schema | literal }}::text, {{ name | literal }}::text,
    jsonb_build_object(
      {% for column in key %}{{ column | literal }}, {{ column }}{% if not loop.last %}, {% endif %}{% endfor %}

    )::text
  from {{ table }} as source
  {% if filter %}
  where ({{ filter | expression }}
  )
  {% endif %}
) to stdout (format binary)
