{% macro statuses() %}
  {{ return({'open': ['new', 'paid', 'packed'], 'sent': ['shipped', 'delivered'], 'back': ['returned']}) }}
{% endmacro %}

{% macro all_statuses() %}
  {% set found = namespace(statuses=[]) %}
  {% for group, members in statuses().items() %}
    {% set found.statuses = found.statuses + members %}
  {% endfor %}
  {{ return(found.statuses) }}
{% endmacro %}

{% macro status_group(column) -%}
  case
  {%- for group, members in statuses().items() %}
    when {{ column }} in ('{{ members | join("', '") }}') then '{{ group }}'
  {%- endfor %}
    else 'other'
  end
{%- endmacro %}
