-- Finds the keys that the tables have, or will have, and that a complete read of the source's keys does not have.
-- It gives them as the texts that an event's fields have.
{% from 'marts/names.sql' import bare, equal, sliced %}
{% from 'staging/typed.sql' import typed, text %}
{% macro keyed(events) %}
select
    {% for column in key_columns %}
    {{ typed(column) }} as {{ column.name }},
    {% endfor %}
    _operation, _event_id
  from (
    select
      {% for column in key_columns %}
      element_at(fields, {{ column.from | literal }}) as {{ text(column) }},
      {% endfor %}
      audit_operation as _operation, audit_event_id as _event_id
    from {{ events }}
  )
{% endmacro %}
{% macro of_slice() %}{% if slice %}where {{ sliced(key_columns, slice) }}{% endif %}{% endmacro %}
{% set read %}{{ keys }} where _batch_id = {{ batch }}{% endset %}
{% set landed %}
{{ landing }}
    where _batch_id > {{ after_batch }}
      and tbl_schema = {{ from.schema | literal }} and tbl_name = {{ from.name | literal }}
{% endset %}
-- The keys that the source has.
with present as (
  select * from ({{ keyed(read) }}) {{ of_slice() }}
),
-- The last event of each key in the batches that landed and are not in the tables yet: what it will be.
waiting as (
  select {{ bare(key_columns) }}, max_by(_operation, _event_id) as _last
  from (
    select * from ({{ keyed(landed) }}) {{ of_slice() }}
  )
  where
    {% for column in key_columns %}
    {% if not loop.first %}and {% endif %}{{ column.name }} is not null
    {%- if column.kind == 'float' %} and not is_nan({{ column.name }}){% endif %}

    {% endfor %}
  group by {{ bare(key_columns) }}
),
-- The keys that the tables will have when these batches are in them.
kept as (
  {% if current %}
  select {{ bare(key_columns) }}
  from (select * from {{ current }} {{ of_slice() }}) as published
  where not exists (select 1 from waiting where {{ equal(key_columns, 'waiting', 'published') }})
  union all
  {% endif %}
  select {{ bare(key_columns) }} from waiting where _last <> 'D'
)
select
  {% for column in key_columns %}
  {% if column.kind == 'varbinary' %}
  '\x' || lower(to_hex(kept.{{ column.name }}))
  {%- elif column.kind == 'timestamp with time zone' %}
  replace(cast(kept.{{ column.name }} as varchar), ' UTC', '+00:00')
  {%- else %}
  cast(kept.{{ column.name }} as varchar)
  {%- endif %} as {{ column.name }}
  {%- if not loop.last %},{% endif %}

  {% endfor %}
from kept
where not exists (select 1 from present where {{ equal(key_columns, 'present', 'kept') }})
limit {{ limit }}
