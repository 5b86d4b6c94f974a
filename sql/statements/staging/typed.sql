{# Turns a field's text into a column's value: exactly, or into null. Trino's own casts round, trim and overflow. So
   every cast stands behind a cheap check that lets most texts through, and a pattern decides about the others. #}

{# The columns of the CTEs `landed` and `typed` that hold a field's text, and the JSON that its path leads to. #}
{% macro text(column) %}{{ "_" ~ column.name ~ "_text" }}{% endmacro %}
{% macro nested(column) %}{{ "_" ~ column.name ~ "_nested" }}{% endmacro %}

{# What a path leads to, as JSON. Trino fails a statement that writes JSON of more than 1,000 levels. A field that may
   have as many is given whole where the path leads to anything: that is no scalar then, and rejects show the field. #}
{% macro inside(column) %}
{% set field %}element_at(fields, {{ column.from | literal }}){% endset %}
{% set path = column.path | literal %}
if(length({{ field }}) - length(translate({{ field }}, '[{', '')) < 1000
    or coalesce(json_size({{ field }}, {{ path }}), 0) = 0,
  json_format(json_extract({{ field }}, {{ path }})), {{ field }})
{% endmacro %}

{# A value as rejects show it. #}
{% macro shown(column) %}
  {% if column.path %}coalesce({{ text(column) }}, {{ nested(column) }}){% else %}{{ text(column) }}{% endif %}
{% endmacro %}

{% macro cast_to(column) %}try_cast({{ text(column) }} as {{ column.data_type | data_type }}){% endmacro %}

{# The text of a moment as Trino's cast takes it: a blank for the T that JSON writes, and at most six digits of a second
   (the 27th character would be the seventh). It is null where the year has not four digits, because a year of five
   fails the statement, and for names of zones and other alphabets. #}
{% macro moment(column) %}
{% set text = text(column) %}
if(substr({{ text }}, 5, 1) = '-' and substr({{ text }}, 8, 1) = '-'
    and translate({{ text }}, '0123456789-+:. TZ', '') = '',
  if(substr({{ text }}, 27, 1) between '0' and '9',
    regexp_replace(replace({{ text }}, 'T', ' '), '(\.\d{6})\d+', '$1'),
    replace({{ text }}, 'T', ' ')))
{% endmacro %}

{# Whether a text has exactly the shape that Postgres and most programs write, with this offset. Each digit is made a zero
   first, and the T a blank; the offset's digits as well, so the offset is compared by itself. #}
{% macro shaped(column, offset) %}
{% set fractions = ['', '.0', '.00', '.000', '.0000', '.00000', '.000000'] %}
  {% if offset %}
substr({{ text(column) }}, -{{ offset | length }}) = {{ offset | literal }} and
  {% endif %}
translate({{ text(column) }}, '123456789T', '000000000 ') in (
  {%- for fraction in fractions -%}
    {{ ('0000-00-00 00:00:00' ~ fraction ~ offset) | literal }}{% if not loop.last %}, {% endif %}
  {%- endfor -%}
)
{%- endmacro %}

{# A field's value in its column's type. #}
{% macro typed(column) %}
{% set text = text(column) %}
{% set value = cast_to(column) %}
{% if column.kind == 'varchar' %}
{{ text }}
{% elif column.kind == 'integer' %}
{# The cast alone would take blanks around a number, and the digits of every script. #}
if(cast({{ value }} as varchar) = {{ text }} or regexp_like({{ text }}, '\A[+-]?[0-9]+\z'), {{ value }})
{% elif column.kind == 'decimal' %}
case
  when cast({{ value }} as varchar) = {{ text }} then {{ value }}
  when (strpos({{ text }}, '.') = 0 or length({{ text }}) - strpos({{ text }}, '.') <= {{ column.scale }})
    and strpos({{ text }}, 'e') = 0 and strpos({{ text }}, 'E') = 0
  then {{ value }}
  {# More digits than the column keeps are right if they are zeros. #}
  when regexp_like({{ text }}, {{ column.digits | literal }}) then {{ value }}
end
{% elif column.kind == 'float' %}
{# The cast alone would take `1d` and ` 1 `, and make infinity of what is too large. #}
if(translate({{ text }}, '0123456789+-.eE', '') = '' and not is_infinite({{ value }})
  or {{ text }} in ('NaN', 'Infinity', '-Infinity'), {{ value }})
{% elif column.kind == 'boolean' %}
case {{ text }} when 'true' then true when 't' then true when 'false' then false when 'f' then false end
{% elif column.kind == 'date' %}
if(length({{ text }}) = 10 and substr({{ text }}, 5, 1) = '-' and substr({{ text }}, 8, 1) = '-', {{ value }})
{% elif column.kind == 'time' %}
{# Cut behind `10:11:12.123456`, not rounded. An offset is no part of a time without zone. #}
if(regexp_like({{ text }}, '\A[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?\z'),
  try_cast(substr({{ text }}, 1, 15) as time(6)))
{% elif column.kind == 'timestamp' %}
case
  {# What most programs write, by its exact shape: four times as fast as the general way. #}
  when {{ shaped(column, '') }} then try_cast(replace({{ text }}, 'T', ' ') as timestamp(6))
  else cast(try_cast({{ moment(column) }} as timestamp(6) with time zone) at time zone 'UTC' as timestamp(6))
end
{% elif column.kind == 'timestamp with time zone' %}
case
  {% for offset in ['+00:00', '+00', 'Z'] %}
  when {{ shaped(column, offset) }}
  then with_timezone(
    try_cast(replace(substr({{ text }}, 1, length({{ text }}) - {{ offset | length }}), 'T', ' ') as timestamp(6)), 'UTC')
  {% endfor %}
  else try_cast({{ moment(column) }} as timestamp(6) with time zone)
end
{% elif column.kind == 'varbinary' %}
if(starts_with({{ text }}, '\x'), try(from_hex(substr({{ text }}, 3))))
{% endif %}
{% endmacro %}

{# Whether a field has a value that its column cannot hold. #}
{% macro misfit(column) %}
  {% if column.path %}({{ text(column) }} is null and {{ nested(column) }} <> 'null') or {% endif %}
  {% if column.kind == 'varchar' -%}
false
  {%- else -%}
({{ text(column) }} is not null and {{ column.name }} is null)
  {%- endif %}
{% endmacro %}

{# A branch of a `case`: gives `outcome` if the column cannot hold the field's value. #}
{% macro misfit_as(column, outcome) %}
{% if column.kind != 'varchar' or column.path %}
when {{ misfit(column) }} then {{ outcome }}
{% endif %}
{% endmacro %}
