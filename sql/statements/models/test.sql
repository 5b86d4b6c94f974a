-- Counts the rows that a model is about to have, and how many of them fail each declared test.
{% from 'marts/names.sql' import bare %}
{# Tests of single rows read only new ones, where each old row has passed. #}
{% macro rows(test) %}{% if test.reads_new_rows %}{{ of(test, new_rows) }}{% else %}{{ of(test, all_rows) }}{% endif %}{% endmacro %}
{% macro all(test) %}{{ of(test, all_rows) }}{% endmacro %}
{% macro of(test, from) %}
(select * from {{ from | expression }} as tested{% if test.filter %} where (
{{ test.filter | expression }}
){% endif %}) as tested
{%- endmacro %}
select
  (select count(*) from {{ new_rows | expression }} as tested) as tested_rows,
  array[
    {% for test in tests %}
    {% if test.check == 'not_null' %}
    (select count(*) from {{ rows(test) }} where {{ test.column }} is null)
    {%- elif test.check == 'unique' %}
    (
      select count(*) from (
        select {{ test.column }} from {{ all(test) }} where {{ test.column }} is not null
        group by {{ test.column }} having count(*) > 1
      )
    )
    {%- elif test.check == 'accepted_values' %}
    (
      select count(*) from {{ rows(test) }}
      where cast({{ test.column }} as varchar) not in (
        {%- for value in test.values %}{{ value | literal }}{% if not loop.last %}, {% endif %}{% endfor -%}
      )
    )
    {%- elif test.check == 'relationships' %}
    (
      select count(*) from {{ rows(test) }}
      where {{ test.column }} is not null
        and {{ test.column }} not in (select {{ test.field }} from {{ test.to }} where {{ test.field }} is not null)
    )
    {%- elif test.check == 'unique_combination' %}
    (
      select count(*) from (
        select {{ bare(test.columns) }} from {{ all(test) }} group by {{ bare(test.columns) }} having count(*) > 1
      )
    )
    {%- elif test.check == 'expression' %}
    {# As an argument of a function, so that a stray parenthesis cannot change what is asked. #}
    (select count(*) from {{ rows(test) }} where coalesce(
{{ test.expression | expression }}
    , true) = false)
    {%- elif test.check == 'accepted_range' %}
    (
      select count(*) from {{ rows(test) }}
      where false
        {% if test.least is not none %}
        or {{ test.column }} {% if test.is_inclusive %}<{% else %}<={% endif %} ({{ test.least | expression }})
        {% endif %}
        {% if test.most is not none %}
        or {{ test.column }} {% if test.is_inclusive %}>{% else %}>={% endif %} ({{ test.most | expression }})
        {% endif %}
    )
    {%- elif test.check == 'recency' %}
    (
      select count(*) from (
        select max({{ test.field }}) as latest from {{ all(test) }}
      )
      where latest is null
        or cast(latest as timestamp(6) with time zone) < date_add({{ test.part | literal }}, -{{ test.interval }}, current_timestamp)
    )
    {%- elif test.check == 'not_null_proportion' %}
    (
      select count(*) from (
        select cast(count({{ test.column }}) as double) / nullif(count(*), 0) as share from {{ all(test) }}
      )
      where share < {{ test.least | expression }} or share > {{ test.most | expression }}
    )
    {%- elif test.check == 'equal_rowcount' %}
    (
      select abs((select count(*) from {{ all(test) }}) - (select count(*) from {{ test.to }}))
    )
    {%- endif %}
    {% if not loop.last %},{% endif %}

    {% endfor %}
  ] as failures
