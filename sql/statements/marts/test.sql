-- Counts the rows that the touched keys are about to have, and how many of them fail each declared test.
{% from 'marts/names.sql' import bare, equal %}
{% include 'marts/last_events.sql' %}
-- The rows that these keys are about to have.
, tested as (
  select {{ bare(columns) }} from last_events where _exists
)
{% for test in tests %}
{% if test.check == 'unique' %}
-- A value may repeat one of a row that stays as it is: those rows count as well.
, {{ "_tested_" ~ loop.index }} as (
  select {{ test.column }} as _value from tested where {{ test.column }} is not null
  {% if not reads_whole_typed_log %}
  union all
  select kept.{{ test.column }} from {{ current }} as kept
  left join tested on {{ equal(key_columns, "kept", "tested") }}
  left join (select distinct {{ bare(key_columns) }} from last_events where not _exists) as going
    on {{ equal(key_columns, 'kept', 'going') }}
  where tested.{{ key_columns[0].name }} is null and going.{{ key_columns[0].name }} is null
    and kept.{{ test.column }} in (select {{ test.column }} from tested)
  {% endif %}
)
{% endif %}
{% endfor %}
select
  (select count(*) from tested) as tested_rows,
  array[
    {% for test in tests %}
    {% if test.check == 'not_null' %}
    (select count(*) from tested where {{ test.column }} is null)
    {%- elif test.check == 'unique' %}
    (
      select coalesce(sum(_times), 0)
      from (select count(*) as _times from {{ "_tested_" ~ loop.index }} group by _value having count(*) > 1)
    )
    {%- elif test.check == 'accepted_values' %}
    (
      select count(*) from tested
      where cast({{ test.column }} as varchar) not in (
        {%- for value in test.values %}{{ value | literal }}{% if not loop.last %}, {% endif %}{% endfor -%}
      )
    )
    {%- elif test.check == 'relationships' %}
    (
      select count(*) from tested
      where {{ test.column }} is not null
        and {{ test.column }} not in (
          select {{ test.field }} from {{ test.to }} where {{ test.field }} is not null
          {% if test.is_own %}
          union all select {{ test.field }} from tested where {{ test.field }} is not null
          {% endif %}
        )
    )
    {%- elif test.check == 'expression' %}
    {# As an argument of a function, so that a stray parenthesis cannot change what is asked. #}
    (select count(*) from tested where coalesce(
{{ test.expression | expression }}
    , true) = false)
    {%- endif %}
    {% if not loop.last %},{% endif %}

    {% endfor %}
  ] as failures
