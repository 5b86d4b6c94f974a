{% from 'marts/names.sql' import equal %}
{% from 'staging/typed.sql' import typed, text %}
-- The keys of current rows that a whole read of the source's keys does not have, as the texts that fields have.
with landed as (
  select
    {% for column in key_columns %}
    element_at(fields, {{ column.from | literal }}) as {{ text(column) }}{% if not loop.last %},{% endif %}

    {% endfor %}
  from {{ keys }}
  where _batch_id = {{ batch }}
),
present as (
  select
    {% for column in key_columns %}
    {{ typed(column) }} as {{ column.name }}{% if not loop.last %},{% endif %}

    {% endfor %}
  from landed
)
select
  {% for column in key_columns %}
  {% if column.kind == 'varbinary' %}'\x' || lower(to_hex(kept.{{ column.name }})){% elif column.kind == 'timestamp with time zone' %}replace(cast(kept.{{ column.name }} as varchar), ' UTC', '+00:00'){% else %}cast(kept.{{ column.name }} as varchar){% endif %}{% if not loop.last %},{% endif %}

  {% endfor %}
from {{ current }} as kept
where not exists (select 1 from present where {{ equal(key_columns, 'present', 'kept') }})
limit {{ limit }}
