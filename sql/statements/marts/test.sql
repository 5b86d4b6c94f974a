-- Counts the rows that the touched keys are about to have, and how many of them fail each declared test.
{% from 'marts/names.sql' import bare, equal, sliced, is_sliced_by_value, sliced_by_value %}
{% macro of_slice() %}{% if slice %}and {{ sliced(key_columns, slice) }}{% endif %}{% endmacro %}
{# Equal values are in the same slice. Values of some types have no text of their own: the first slice has them all. #}
{% macro of_value_slice(column, name) %}
{% if slice and is_sliced_by_value(column) %}and {{ sliced_by_value(column, name, slice) }}
{% elif slice and slice.first > 0 %}and false{% endif %}
{% endmacro %}
{% if build %}
-- The rows that the table is about to have.
with tested as (
  select {{ bare(columns) }} from {{ build }}{% if build_is_history %} where is_current{% endif %}

)
{% else %}
{% include 'marts/last_events.sql' %}
-- The rows that these keys are about to have.
, tested as (
  select {{ bare(columns) }} from last_events where _exists
)
{% endif %}
{% for test in tests %}
{% if test.check == 'unique' %}
-- A value may repeat one of a row that stays as it is: those rows count as well.
, {{ "_tested_" ~ loop.index }} as (
  select {{ test.column.name }} as _value from tested
  where {{ test.column.name }} is not null {% if slice %}and {{ sliced([test.column], slice) }}{% endif %}

  {% if not reads_whole_typed_log %}
  union all
  select kept.{{ test.column.name }} from {{ current }} as kept
  left join tested on {{ equal(key_columns, "kept", "tested") }}
  left join (select distinct {{ bare(key_columns) }} from last_events where not _exists) as going
    on {{ equal(key_columns, 'kept', 'going') }}
  where tested.{{ key_columns[0].name }} is null and going.{{ key_columns[0].name }} is null
    and kept.{{ test.column.name }} in (select {{ test.column.name }} from tested)
  {% endif %}
)
{% endif %}
{% endfor %}
select
  (select count(*) from tested where true {{ of_slice() }}) as tested_rows,
  array[
    {% for test in tests %}
    {% if test.check == 'not_null' %}
    (select count(*) from tested where {{ test.column.name }} is null {{ of_slice() }})
    {%- elif test.check == 'unique' %}
    (
      select coalesce(sum(_times), 0)
      from (select count(*) as _times from {{ "_tested_" ~ loop.index }} group by _value having count(*) > 1)
    )
    {%- elif test.check == 'accepted_values' %}
    (
      select count(*) from tested
      where true {{ of_slice() }} and cast({{ test.column.name }} as varchar) not in (
        {%- for value in test.values %}{{ value | literal }}{% if not loop.last %}, {% endif %}{% endfor -%}
      )
    )
    {%- elif test.check == 'relationships' %}
    (
      select count(*) from tested
      where {{ test.column.name }} is not null {{ of_value_slice(test.column, test.column.name) }}
        and {{ test.column.name }} not in (
          select {{ test.field }} from {{ test.to }}
          where {{ test.field }} is not null {{ of_value_slice(test.column, test.field) }}
          {% if test.is_own %}
          union all
          select {{ test.field }} from tested
          where {{ test.field }} is not null {{ of_value_slice(test.column, test.field) }}
          {% endif %}
        )
    )
    {%- elif test.check == 'expression' %}
    {# As an argument of a function, so that a stray parenthesis cannot change what is asked. #}
    (select count(*) from tested where true {{ of_slice() }} and coalesce(
{{ test.expression | expression }}
    , true) = false)
    {%- endif %}
    {% if not loop.last %},{% endif %}

    {% endfor %}
  ] as failures
