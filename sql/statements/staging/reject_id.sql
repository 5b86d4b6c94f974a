{# Names rejects, and chooses some of them. #}

{# The name of a reject: the same for the same event of a table with the same text. #}
{% macro reject_id() %}
lower(to_hex(murmur3(to_utf8(concat_ws(
  '/', tbl_schema, tbl_name, coalesce(cast(audit_event_id as varchar), '-'), coalesce(raw_data, '')
)))))
{%- endmacro %}

{# A condition for the chosen rejects of a table: all of them, or those with a reason, with these names, or from before a time. #}
{% macro chosen(from, reason, ids, before) %}
tbl_schema = {{ from.schema | literal }} and tbl_name = {{ from.name | literal }}
{% if reason %}
  and reason = {{ reason | literal }}
{% endif %}
{% if ids %}
  and {{ reject_id() }} in ({% for id in ids %}{{ id | literal }}{% if not loop.last %}, {% endif %}{% endfor %})
{% endif %}
{% if before %}
  and rejected_at < timestamp {{ before | literal }}
{% endif %}
{% endmacro %}
