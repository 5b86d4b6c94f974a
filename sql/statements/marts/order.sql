{# The order of a key's events, bound once for all statements.

   An event's place is its id. Where ids do not follow the writes (`by_clock`), its place is its time, then its id.
   Rows that were read from the table itself have ids below `first_audit_id`: they come before all events of the audit
   log. #}
{% from 'marts/names.sql' import bare %}
{% set start_of_time %}timestamp '0001-01-01 00:00:00.000000 UTC'{% endset %}
{% set end_of_time %}timestamp '9999-12-31 23:59:59.999999 UTC'{% endset %}
{% set place_type %}row(_occurred_at timestamp(6) with time zone, _event_id bigint){% endset %}

{# The columns that order events: `order by {{ place_columns }}`. #}
{% set place_columns %}
{% if by_clock %}if(_event_id < {{ first_audit_id }}, {{ start_of_time }}, _occurred_at), {% endif %}_event_id
{%- endset %}

{# A window over the events of each key, in their order: `lag(…) over ({{ in_order }})`. #}
{% set in_order %}partition by {{ bare(key_columns) }} order by {{ place_columns }}{% endset %}

{# The place of a row of `of` as one value, which can be compared and aggregated. #}
{% macro place(of) %}
  {% if by_clock -%}
row(if({{ of }}._event_id < {{ first_audit_id }}, {{ start_of_time }}, {{ of }}._occurred_at), {{ of }}._event_id)
  {%- else -%}
{{ of }}._event_id
  {%- endif %}
{% endmacro %}

{# A place before that of every event, and one after. #}
{% set before_all %}
{% if by_clock %}cast(row({{ start_of_time }}, -9223372036854775808) as {{ place_type }})
{%- else %}-9223372036854775808{% endif %}
{% endset %}
{% set after_all %}
{% if by_clock %}cast(row({{ end_of_time }}, 9223372036854775807) as {{ place_type }})
{%- else %}9223372036854775807{% endif %}
{% endset %}
