{# How a field's text becomes a column's value: exactly, or null. Trino's own casts round, trim and overflow, so each is fenced. #}
{% macro text(column) %}element_at(_fields, {{ column.from | literal }}){% endmacro %}

{% macro moment(column) %}
{# A blank for the T that JSON writes, and no more than the six digits that a column keeps. #}
regexp_replace(replace(replace({{ text(column) }}, 'T', ' '), 'Z', '+00:00'), '(\.\d{6})\d+', '$1')
{% endmacro %}

{% macro typed(column) %}
{% if column.kind == 'varchar' %}
{{ text(column) }}
{% elif column.kind == 'integer' %}
if(regexp_like({{ text(column) }}, '^[+-]?\d+$'), try_cast({{ text(column) }} as {{ column.data_type | data_type }}))
{% elif column.kind == 'decimal' %}
if(regexp_like({{ text(column) }}, {{ column.digits | literal }}), try_cast({{ text(column) }} as {{ column.data_type | data_type }}))
{% elif column.kind == 'float' %}
if(regexp_like({{ text(column) }}, '^([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)$') and not is_infinite(try_cast({{ text(column) }} as {{ column.data_type | data_type }}))
  or {{ text(column) }} in ('NaN', 'Infinity', '-Infinity'), try_cast({{ text(column) }} as {{ column.data_type | data_type }}))
{% elif column.kind == 'boolean' %}
case {{ text(column) }} when 'true' then true when 't' then true when 'false' then false when 'f' then false end
{% elif column.kind == 'date' %}
if(regexp_like({{ text(column) }}, '^\d{4}-\d{2}-\d{2}$'), try_cast({{ text(column) }} as date))
{% elif column.kind == 'time' %}
try_cast({{ moment(column) }} as time(6))
{% elif column.kind == 'timestamp' %}
cast(try_cast({{ moment(column) }} as timestamp(6) with time zone) at time zone 'UTC' as timestamp(6))
{% elif column.kind == 'timestamp with time zone' %}
try_cast({{ moment(column) }} as timestamp(6) with time zone)
{% elif column.kind == 'varbinary' %}
if(starts_with({{ text(column) }}, '\x'), try(from_hex(substr({{ text(column) }}, 3))))
{% endif %}
{% endmacro %}

{# Whether a field has a value that its column cannot hold. #}
{% macro misfit(column) %}
{% if column.kind == 'varchar' %}false{% else %}({{ text(column) }} is not null and {{ column.name }} is null){% endif %}
{% endmacro %}

{% macro misfit_as(column, text) %}
{% if column.kind != 'varchar' %}
when {{ misfit(column) }} then {{ text }}
{% endif %}
{% endmacro %}
