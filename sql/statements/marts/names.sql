{# Lists of columns as SQL text: alone, with an alias, compared with each other. The examples have two columns. #}

{# order_id, position #}
{% macro bare(columns) %}
  {% for column in columns %}{{ column.name }}{% if not loop.last %}, {% endif %}{% endfor %}
{% endmacro %}

{# The operations of events of one row; the other one is the truncate. Trino checks such a list column by column, and then
   drops rows by the keys that a join needs. With `<> 'T'` it sends every row of the table to the join. #}
{% set row_events %}('I', 'U', 'D'){% endset %}

{# The columns of a current row, from the open version of its key. #}
{% macro open_version(columns) %}
{{ bare(columns) }}, _event_id, valid_from as _occurred_at, _ingested_at, _batch_id
{%- endmacro %}

{# staged.order_id, staged.position #}
{% macro list(columns, of) %}
  {% for column in columns %}{{ of }}.{{ column.name }}{% if not loop.last %}, {% endif %}{% endfor %}
{% endmacro %}

{# present.order_id = change.order_id and present.position = change.position #}
{% macro equal(columns, left, right) %}
  {% for column in columns -%}
  {{ left }}.{{ column.name }} = {{ right }}.{{ column.name }}{% if not loop.last %} and {% endif %}
  {% endfor %}
{% endmacro %}

{# present.order_id is distinct from change.order_id or present.position is distinct from change.position #}
{% macro differ(columns, left, right) %}
  {% for column in columns -%}
  {{ left }}.{{ column.name }} is distinct from {{ right }}.{{ column.name }}{% if not loop.last %} or {% endif %}
  {% endfor %}
{% endmacro %}

{# Holds for every row of a key of the batches, so it changes no result: it lets Trino skip files. #}
{% macro within(of, bounds) %}
  {% if bounds %}
  {% set data_type = bounds.column.data_type %}
 and {{ of }}.{{ bounds.column.name }} between cast({{ bounds.low | literal }} as {{ data_type | data_type }})
    and cast({{ bounds.high | literal }} as {{ data_type | data_type }})
  {%- endif %}
{% endmacro %}

{# A text of a column's value: equal values have the same. Two zeros are equal, and a moment in two time zones. #}
{% macro hashed_text(column) %}
  {%- if column.kind == 'varbinary' -%}
to_hex({{ column.name }})
  {%- elif column.kind == 'float' -%}
cast({{ column.name }} + 0.0e0 as varchar)
  {%- elif column.kind == 'timestamp with time zone' -%}
cast({{ column.name }} at time zone 'UTC' as varchar)
  {%- else -%}
cast({{ column.name }} as varchar)
  {%- endif -%}
{% endmacro %}

{# A hash of a row's key: a bigint. #}
{% macro hashed(columns) %}
from_big_endian_64(xxhash64(to_utf8(
  {%- for column in columns %}
    {% if not loop.first %} || ',' || {% endif %}
    coalesce({{ hashed_text(column) }}, '')
  {%- endfor %}
)))
{%- endmacro %}

{# Whether a key belongs to the sample: one key in `one_in`. #}
{% macro sampled(columns, one_in) %}
mod({{ hashed(columns) }}, {{ one_in }}) = 0
{%- endmacro %}

{# The bucket of a key: the upper 16 bits of its hash. #}
{% macro bucket_of(columns) %}
bitwise_right_shift({{ hashed(columns) }}, 48)
{%- endmacro %}

{# Whether a key belongs to the slice. #}
{% macro sliced(columns, slice) %}
{{ bucket_of(columns) }} between {{ slice.first }} and {{ slice.last }}
{%- endmacro %}

{# The sliced log has a part for so many buckets. More parts would need more memory while they are written. #}
{% set part_buckets = 2048 %}

{# The part of the sliced log that has the events of a key. #}
{% macro part_of(columns) %}
cast({{ bucket_of(columns) }} / {{ part_buckets }} as integer)
{%- endmacro %}

{# Holds for every event of the slice in the sliced log, so it changes no result: it lets Trino skip files. #}
{% macro within_parts(slice) %}
    and _part between {{ slice.first // part_buckets }} and {{ slice.last // part_buckets }}
{% endmacro %}

{# Whether equal values of a column have one text, also those of another type that it is compared with. #}
{% macro is_sliced_by_value(column) %}{% if column.kind in ['varchar', 'integer', 'decimal', 'float'] %}yes{% endif %}{% endmacro %}

{# Whether the value of `name`, which is compared with values of the column, belongs to the slice. #}
{% macro sliced_by_value(column, name, slice) %}
bitwise_right_shift(from_big_endian_64(xxhash64(to_utf8(
  {%- if column.kind == 'varchar' %}{{ name }}{% else %}cast(cast({{ name }} as double) as varchar){% endif -%}
))), 48) between {{ slice.first }} and {{ slice.last }}
{%- endmacro %}

{# Whether a key belongs to the sample and to the slice, as conditions behind another one. #}
{% macro chosen(columns, sample_of, slice) %}
{% if sample_of %}
    and {{ sampled(columns, sample_of) }}
{% endif %}
{% if slice %}
    and {{ sliced(columns, slice) }}
{% endif %}
{% endmacro %}
