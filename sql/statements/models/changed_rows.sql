{# The rows of a table at one snapshot that it lacks at another, as often as it lacks them. Only rows of touched keys can
   differ, where the typed log says which these are. Then it may also give rows that are the same. #}
{% from 'marts/names.sql' import bare, list, equal, row_events %}
{% macro rows(at) %}
select {{ list(columns, 'kept') }} from {{ at | expression }} as kept
  {%- if touched %}

join (
  select distinct {{ bare(touched.key_columns) }} from {{ touched.log }}
  where _batch_id > {{ touched.after_batch }} and _batch_id <= {{ touched.upto_batch }} and _operation in {{ row_events }}
) as touched on {{ equal(touched.key_columns, 'kept', 'touched') }}
  {%- endif %}
{% endmacro %}
{{ rows(at) }}
{%- if is_compared %}

except all
{{ rows(other) }}
{%- endif %}
