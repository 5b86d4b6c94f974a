{# How a field's text becomes a column's value: exactly, or null. Trino's own casts round, trim and overflow, so each is fenced;
   where a cheap fence says no, a pattern decides. #}
{% macro text(column) %}{{ "_" ~ column.name ~ "_text" }}{% endmacro %}

{% macro nested(column) %}{{ "_" ~ column.name ~ "_nested" }}{% endmacro %}

{# What a path leads to, as JSON. Trino fails the statement that writes JSON of more than 1,000 levels: of what may have as many, no more is
   looked at than whether it holds anything, which is no scalar then and is shown with all around it. #}
{% macro inside(column) %}
{% set field = "element_at(fields, " ~ (column.from | literal) ~ ")" %}
{% set path = column.path | literal %}
if(length({{ field | expression }}) - length(translate({{ field | expression }}, '[{', '')) < 1000 or coalesce(json_size({{ field | expression }}, {{ path | expression }}), 0) = 0,
  json_format(json_extract({{ field | expression }}, {{ path | expression }})), {{ field | expression }})
{% endmacro %}

{# A value as rejects show it. #}
{% macro shown(column) %}{% if column.path %}coalesce({{ text(column) }}, {{ nested(column) }}){% else %}{{ text(column) }}{% endif %}{% endmacro %}

{% macro cast_to(column) %}try_cast({{ text(column) }} as {{ column.data_type | data_type }}){% endmacro %}

{# A year of four digits first: of five, Trino's cast fails the statement. No names of zones, no other alphabets. A blank for the T that
   JSON writes, and no more than the six digits that a column keeps: the 27th character would be the seventh. #}
{% macro moment(column) %}
if(substr({{ text(column) }}, 5, 1) = '-' and substr({{ text(column) }}, 8, 1) = '-' and translate({{ text(column) }}, '0123456789-+:. TZ', '') = '',
  if(substr({{ text(column) }}, 27, 1) between '0' and '9',
    regexp_replace(replace({{ text(column) }}, 'T', ' '), '(\.\d{6})\d+', '$1'),
    replace({{ text(column) }}, 'T', ' ')))
{% endmacro %}

{# The offset is looked at by itself, because its digits are translated as well. #}
{% macro shaped(column, offset) %}
{% if offset %}substr({{ text(column) }}, -{{ offset | length }}) = {{ offset | literal }} and {% endif %}
translate({{ text(column) }}, '123456789', '000000000') in ({% for fraction in ['', '.0', '.00', '.000', '.0000', '.00000', '.000000'] %}{{ ('0000-00-00T00:00:00' ~ fraction ~ offset) | literal }}{% if not loop.last %}, {% endif %}{% endfor %})
{% endmacro %}

{% macro typed(column) %}
{% if column.kind == 'varchar' %}
{{ text(column) }}
{% elif column.kind == 'integer' %}
{# Java reads blanks around a number and the digits of every script. #}
if(cast({{ cast_to(column) }} as varchar) = {{ text(column) }} or regexp_like({{ text(column) }}, '\A[+-]?[0-9]+\z'), {{ cast_to(column) }})
{% elif column.kind == 'decimal' %}
case
  when cast({{ cast_to(column) }} as varchar) = {{ text(column) }} then {{ cast_to(column) }}
  when (strpos({{ text(column) }}, '.') = 0 or length({{ text(column) }}) - strpos({{ text(column) }}, '.') <= {{ column.scale }})
    and strpos({{ text(column) }}, 'e') = 0 and strpos({{ text(column) }}, 'E') = 0
  then {{ cast_to(column) }}
  {# More digits are right where they are zeros. #}
  when regexp_like({{ text(column) }}, {{ column.digits | literal }}) then {{ cast_to(column) }}
end
{% elif column.kind == 'float' %}
{# Java reads `1d` and ` 1 `, and overflows to infinity. #}
if(translate({{ text(column) }}, '0123456789+-.eE', '') = '' and not is_infinite({{ cast_to(column) }})
  or {{ text(column) }} in ('NaN', 'Infinity', '-Infinity'), {{ cast_to(column) }})
{% elif column.kind == 'boolean' %}
case {{ text(column) }} when 'true' then true when 't' then true when 'false' then false when 'f' then false end
{% elif column.kind == 'date' %}
if(length({{ text(column) }}) = 10 and substr({{ text(column) }}, 5, 1) = '-' and substr({{ text(column) }}, 8, 1) = '-', {{ cast_to(column) }})
{% elif column.kind == 'time' %}
{# Cut behind `10:11:12.123456`, not rounded; an offset is no part of such a time. #}
if(regexp_like({{ text(column) }}, '\A[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?\z'),
  try_cast(substr({{ text(column) }}, 1, 15) as time(6)))
{% elif column.kind == 'timestamp' %}
case
  {# What Postgres writes, by its exact shape: reading it so is four times as fast. #}
  when {{ shaped(column, '') }} then try_cast(replace({{ text(column) }}, 'T', ' ') as timestamp(6))
  else cast(try_cast({{ moment(column) }} as timestamp(6) with time zone) at time zone 'UTC' as timestamp(6))
end
{% elif column.kind == 'timestamp with time zone' %}
case
  when {{ shaped(column, '+00:00') }} then with_timezone(try_cast(replace(substr({{ text(column) }}, 1, length({{ text(column) }}) - 6), 'T', ' ') as timestamp(6)), 'UTC')
  else try_cast({{ moment(column) }} as timestamp(6) with time zone)
end
{% elif column.kind == 'varbinary' %}
if(starts_with({{ text(column) }}, '\x'), try(from_hex(substr({{ text(column) }}, 3))))
{% endif %}
{% endmacro %}

{# Whether a field has a value that its column cannot hold. #}
{% macro misfit(column) %}
{% if column.path %}({{ text(column) }} is null and {{ nested(column) }} <> 'null') or {% endif %}
{% if column.kind == 'varchar' %}false{% else %}({{ text(column) }} is not null and {{ column.name }} is null){% endif %}
{% endmacro %}

{% macro misfit_as(column, text) %}
{% if column.kind != 'varchar' or column.path %}
when {{ misfit(column) }} then {{ text }}
{% endif %}
{% endmacro %}
