{% from 'marts/names.sql' import bare, equal %}
{% from 'staging/typed.sql' import typed, text %}
{% macro keys_of(events) %}
select
    {% for column in key_columns %}
    {{ typed(column) }} as {{ column.name }}{% if not loop.last %},{% endif %}

    {% endfor %}
  from (
    select
      {% for column in key_columns %}
      element_at(fields, {{ column.from | literal }}) as {{ text(column) }}{% if not loop.last %},{% endif %}

      {% endfor %}
    from {{ events }}
  )
{% endmacro %}
{% set read %}{{ keys }} where _batch_id = {{ batch }}{% endset %}
{% set waiting %}{{ landing }} where _batch_id > {{ after_batch }} and audit_operation <> 'D' and tbl_schema = {{ from.schema | literal }} and tbl_name = {{ from.table | literal }}{% endset %}
-- The keys of current rows, and of those that landed and will be, that a whole read of the source's keys does not have; as the texts
-- that fields have.
with present as (
  {{ keys_of(read) }}
),
kept as (
  select {{ bare(key_columns) }} from {{ current }}
  union
  select * from (
  {{ keys_of(waiting) }}
  )
  where {% for column in key_columns %}{{ column.name }} is not null{% if not loop.last %} and {% endif %}{% endfor %}

)
select
  {% for column in key_columns %}
  {% if column.kind == 'varbinary' %}'\x' || lower(to_hex(kept.{{ column.name }})){% elif column.kind == 'timestamp with time zone' %}replace(cast(kept.{{ column.name }} as varchar), ' UTC', '+00:00'){% else %}cast(kept.{{ column.name }} as varchar){% endif %}{% if not loop.last %},{% endif %}

  {% endfor %}
from kept
where not exists (select 1 from present where {{ equal(key_columns, 'present', 'kept') }})
limit {{ limit }}
