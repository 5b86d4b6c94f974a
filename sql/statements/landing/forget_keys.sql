-- Empties the landed events of the named keys: their place in the ledger stays, their content goes.
-- Doing it twice changes nothing.
{% from 'staging/typed.sql' import typed, text %}
{% from 'marts/names.sql' import equal %}
{% from 'landing/given_keys.sql' import given_keys %}
merge into {{ landing }} as landed
using (
  -- All texts that the keys have: `7` may also have come as `07`.
  select distinct
    {% for column in key_columns %}
    {{ text(column) }}{% if not loop.last %},{% endif %}

    {% endfor %}
  from (
    select
      {% for column in key_columns %}
      {{ text(column) }}, {{ typed(column) }} as {{ column.name }}{% if not loop.last %},{% endif %}

      {% endfor %}
    from (
      select
        {% for column in key_columns %}
        element_at(fields, {{ column.from | literal }}) as {{ text(column) }}{% if not loop.last %},{% endif %}

        {% endfor %}
      from {{ landing }}
      where tbl_schema = {{ from.schema | literal }} and tbl_name = {{ from.name | literal }}
    )
  ) as typed
  join (
    select
      {% for column in key_columns %}
      {{ typed(column) }} as {{ column.name }}{% if not loop.last %},{% endif %}

      {% endfor %}
    from {{ given_keys(keys, key_columns) }}
  ) as forgotten on {{ equal(key_columns, 'typed', 'forgotten') }}
) as found
on landed.tbl_schema = {{ from.schema | literal }} and landed.tbl_name = {{ from.name | literal }}
  {% for column in key_columns %}
  and element_at(landed.fields, {{ column.from | literal }}) = found.{{ text(column) }}
  {% endfor %}
when matched then update set audit_operation = 'F', raw_data = null, fields = null
