{# The rows that fail a test. #}
{% from 'marts/names.sql' import bare %}
{# Tests of single rows read only new ones, where each old row has passed. #}
{% macro rows(test, new_rows, all_rows) %}{% if test.reads_new_rows %}{{ of(test, new_rows) }}{% else %}{{ of(test, all_rows) }}{% endif %}{% endmacro %}
{% macro of(test, from) %}
{{ filtered(test, from) }} as tested
{%- endmacro %}
{% macro filtered(test, from) %}
(select * from {{ from | expression }} as tested{% if test.filter %} where (
{{ test.filter | expression }}
){% endif %})
{%- endmacro %}
{% macro failing(test, new_rows, all_rows) %}
{% if test.check == 'not_null' %}
select * from {{ rows(test, new_rows, all_rows) }} where {{ test.column }} is null
{%- elif test.check == 'unique' %}
select {{ test.column }}, count(*) as rows from {{ of(test, all_rows) }} where {{ test.column }} is not null
group by {{ test.column }} having count(*) > 1
{%- elif test.check == 'accepted_values' %}
{# As in dbt, each value counts once. #}
select {{ test.column }}, count(*) as rows from {{ rows(test, new_rows, all_rows) }}
where cast({{ test.column }} as varchar) not in (
  {%- for value in test.values %}{{ value | literal }}{% if not loop.last %}, {% endif %}{% endfor -%}
)
group by {{ test.column }}
{%- elif test.check == 'relationships' %}
select * from {{ rows(test, new_rows, all_rows) }}
where {{ test.column }} is not null
  and {{ test.column }} not in (select {{ test.field }} from {{ test.to }} where {{ test.field }} is not null)
{%- elif test.check == 'unique_combination' %}
select {{ bare(test.columns) }}, count(*) as rows from {{ of(test, all_rows) }} group by {{ bare(test.columns) }} having count(*) > 1
{%- elif test.check == 'expression' %}
{# As an argument of a function, so that a stray parenthesis cannot change what is asked. #}
select * from {{ rows(test, new_rows, all_rows) }} where coalesce(
{{ test.expression | expression }}
, true) = false
{%- elif test.check == 'accepted_range' %}
select * from {{ rows(test, new_rows, all_rows) }}
where false
  {% if test.least is not none %}
  or {{ test.column }} {% if test.is_inclusive %}<{% else %}<={% endif %} ({{ test.least | expression }})
  {% endif %}
  {% if test.most is not none %}
  or {{ test.column }} {% if test.is_inclusive %}>{% else %}>={% endif %} ({{ test.most | expression }})
  {% endif %}
{%- elif test.check == 'recency' %}
select * from (
  select max({{ test.field }}) as latest from {{ of(test, all_rows) }}
)
where latest is null
  or cast(latest as timestamp(6) with time zone) < date_add({{ test.part | literal }}, -{{ test.interval }}, current_timestamp)
{%- elif test.check == 'not_null_proportion' %}
select * from (
  select cast(count({{ test.column }}) as double) / nullif(count(*), 0) as share from {{ of(test, all_rows) }}
)
where share < {{ test.least | expression }} or share > {{ test.most | expression }}
{%- elif test.check == 'equal_rowcount' %}
select * from (
  select (select count(*) from {{ of(test, all_rows) }}) as rows, (select count(*) from {{ test.to }}) as compared_rows
)
where rows <> compared_rows
{%- elif test.check == 'query' %}
{% set tested %}{{ filtered(test, all_rows) }}{% endset %}
select * from (
{{ test.sql | expression | replace(test.token, tested) | expression }}
)
{%- elif test.check == 'singular' %}
select * from (
{{ test.sql | expression }}
)
{%- endif %}
{% endmacro %}
