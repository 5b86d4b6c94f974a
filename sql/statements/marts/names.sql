{# Lists of columns: with the alias they belong to, compared with each other, and joined by. #}
{% macro list(columns, of) %}{% for column in columns %}{{ of }}.{{ column.name }}{% if not loop.last %}, {% endif %}{% endfor %}{% endmacro %}

{% macro bare(columns) %}{% for column in columns %}{{ column.name }}{% if not loop.last %}, {% endif %}{% endfor %}{% endmacro %}

{% macro equal(columns, left, right) %}{% for column in columns %}{{ left }}.{{ column.name }} = {{ right }}.{{ column.name }}{% if not loop.last %} and {% endif %}{% endfor %}{% endmacro %}

{% macro differ(columns, left, right) %}{% for column in columns %}{{ left }}.{{ column.name }} is distinct from {{ right }}.{{ column.name }}{% if not loop.last %} or {% endif %}{% endfor %}{% endmacro %}

{# What holds for every row of a key of the batches besides; it lets Trino leave out files. #}
{% macro within(of, bounds) %}{% if bounds %} and {{ of }}.{{ bounds.column.name }} between cast({{ bounds.low | literal }} as {{ bounds.column.data_type | data_type }}) and cast({{ bounds.high | literal }} as {{ bounds.column.data_type | data_type }}){% endif %}{% endmacro %}

{# Whether a row is among one key in so many, by the key's hash. #}
{% macro sampled(columns, one_in) %}mod(from_big_endian_64(xxhash64(to_utf8({% for column in columns %}{% if not loop.first %} || ',' || {% endif %}coalesce({% if column.kind == 'varbinary' %}to_hex({{ column.name }}){% else %}cast({{ column.name }} as varchar){% endif %}, ''){% endfor %}))), {{ one_in }}) = 0{% endmacro %}

{# The place of an event in the order of its key: its id, or where ids do not follow the writes its time, then its id. Rows that were read of
   the table itself, below the first id of a log, come before all that the log tells. #}
{% macro place(of, by_clock, first_logged) %}{% if by_clock %}row(if({{ of }}._event_id < {{ first_logged }}, timestamp '0001-01-01 00:00:00.000000 UTC', {{ of }}._occurred_at), {{ of }}._event_id){% else %}{{ of }}._event_id{% endif %}{% endmacro %}

{% macro ordering(by_clock, first_logged) %}{% if by_clock %}if(_event_id < {{ first_logged }}, timestamp '0001-01-01 00:00:00.000000 UTC', _occurred_at), {% endif %}_event_id{% endmacro %}

{% macro before_all(by_clock) %}{% if by_clock %}cast(row(timestamp '0001-01-01 00:00:00.000000 UTC', -9223372036854775808) as row(_occurred_at timestamp(6) with time zone, _event_id bigint)){% else %}-9223372036854775808{% endif %}{% endmacro %}

{% macro after_all(by_clock) %}{% if by_clock %}cast(row(timestamp '9999-12-31 23:59:59.999999 UTC', 9223372036854775807) as row(_occurred_at timestamp(6) with time zone, _event_id bigint)){% else %}9223372036854775807{% endif %}{% endmacro %}
