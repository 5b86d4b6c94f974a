{# Lists of columns as SQL text: alone, with an alias, compared with each other. The examples have two columns. #}

{# order_id, position #}
{% macro bare(columns) %}
  {% for column in columns %}{{ column.name }}{% if not loop.last %}, {% endif %}{% endfor %}
{% endmacro %}

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

{# Whether a row belongs to the sample: one key in `one_in`, chosen by a hash of the key. #}
{% macro sampled(columns, one_in) %}
mod(from_big_endian_64(xxhash64(to_utf8(
  {%- for column in columns %}
    {% if not loop.first %} || ',' || {% endif %}
    coalesce(
    {%- if column.kind == 'varbinary' %}to_hex({{ column.name }}){% else %}cast({{ column.name }} as varchar){% endif %}
    , '')
  {%- endfor %}
))), {{ one_in }}) = 0
{%- endmacro %}
