-- Finds how the rows of a table differ between two snapshots, in the order of the key. A row that changed is there twice: as it was, then as it is.
{% from 'marts/names.sql' import bare, equal, row_events %}
{% macro value(part) %}
{%- if part.data_type == 'varbinary' -%}
from_base64({{ part.value | literal }})
{%- else -%}
cast({{ part.value | literal }} as {{ part.data_type | data_type }})
{%- endif -%}
{% endmacro %}
{% macro equals(part) %}
{%- if part.value is none %}{{ part.name }} is null{% else %}{{ part.name }} = {{ value(part) }}{% endif -%}
{% endmacro %}
{# Null comes first, and what is no number comes last. #}
{% macro is_behind(part) %}
{%- if part.value is none -%}
{{ part.name }} is not null
{%- elif part.data_type in ['real', 'double'] -%}
not {{ part.name }} <= {{ value(part) }}
{%- else -%}
{{ part.name }} > {{ value(part) }}
{%- endif -%}
{% endmacro %}
{% macro is_key(key) %}
{% for part in key %}{{ equals(part) }}{% if not loop.last %} and {% endif %}{% endfor %}
{% endmacro %}
{# After the key (1, 2) of the columns a and b: (a > 1) or (a = 1 and b > 2). #}
{% macro follows(key) %}
    {% for part in key %}
    {% set place = loop.index0 %}
    {% if not loop.first %} or {% endif %}(
      {%- for before in key[:place] %}{{ equals(before) }} and {% endfor %}
      {{- is_behind(part) }})
    {% endfor %}
{% endmacro %}
{# The rows at a snapshot, in the columns of the later one. #}
{% macro rows(side, copy) %}
  select *, {{ copy }} as _copy
  from (
    select
      {% for column in side.columns %}
      {% if column.is_missing %}
      cast(null as {{ column.data_type | data_type }}) as {{ column.name }}
      {%- elif column.is_narrower %}
      cast(kept.{{ column.name }} as {{ column.data_type | data_type }}) as {{ column.name }}
      {%- else %}
      kept.{{ column.name }}
      {%- endif %}{% if not loop.last %},{% endif %}

      {% endfor %}
    from {{ table }} for version as of {{ side.snapshot }} as kept
    {% if touched %}
    join (
      select distinct {{ bare(key_columns) }} from {{ touched.log }}
      where _batch_id > {{ touched.after_batch }} and _batch_id <= {{ touched.upto_batch }} and _operation in {{ row_events }}
    ) as touched on {{ equal(key_columns, 'kept', 'touched') }}
    {% endif %}
    where true{% if side.of_open_versions %} and kept.is_current{% endif %}

  )
  {% if after %}
  where
    {{ follows(after) }}
    {% if is_within %}
    or {{ is_key(after) }}
    {% endif %}
  {% endif %}
{% endmacro %}
select
  {{ bare(columns) }},
  case
    when _copies < 0 and _key_rows > 1 then 'update_preimage'
    when _copies < 0 then 'delete'
    when _key_rows > 1 then 'update_postimage'
    else 'insert'
  end as _change_type
from (
  {% if earlier %}
  select {{ bare(columns) }}, _copies, count(*) over (partition by {{ bare(key_columns) }}) as _key_rows
  from (
    select {{ bare(columns) }}, sum(_copy) as _copies
    from (
{{ rows(earlier, -1) }}
      union all
{{ rows(later, 1) }}
    )
    group by {{ bare(columns) }}
    having sum(_copy) <> 0
  )
  {% else %}
  select {{ bare(columns) }}, 1 as _copies, 1 as _key_rows
  from (
{{ rows(later, 1) }}
  )
  {% endif %}
)
{% if is_within %}
where not (_copies < 0 and {{ is_key(after) }})
{% endif %}
order by {% for column in key_columns %}{{ column.name }} nulls first, {% endfor %}_copies
limit {{ limit }}
