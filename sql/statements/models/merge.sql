-- Publishes the changes of a model in one commit. Every source row acts, and a second time changes nothing.
{% from 'marts/names.sql' import bare %}
merge into {{ table }} as kept
using (select * from {{ changes }} where _change_type <> 'UPDATE_BEFORE') as change
on {% for column in key_columns %}
{% if column.may_be_null and column.blank is none %}
  kept.{{ column.name }} is not distinct from change.{{ column.name }}
{%- elif column.may_be_null %}
  {# `is not distinct from` would compare each row with each other one. #}
  coalesce(kept.{{ column.name }}, cast({{ column.blank | literal }} as {{ column.data_type | data_type }}))
    = coalesce(change.{{ column.name }}, cast({{ column.blank | literal }} as {{ column.data_type | data_type }}))
  and (kept.{{ column.name }} is null) = (change.{{ column.name }} is null)
{%- else %}
  kept.{{ column.name }} = change.{{ column.name }}
{%- endif %}
{% if not loop.last %} and{% endif %}

{% endfor %}
when matched and change._change_type = 'DELETE' then delete
{% if value_columns %}
when matched then update set
  {% for column in value_columns %}
  {{ column.name }} = change.{{ column.name }}{% if not loop.last %},{% endif %}

  {% endfor %}
{% endif %}
when not matched and change._change_type <> 'DELETE' then insert ({{ bare(columns) }})
  values ({% for column in columns %}change.{{ column.name }}{% if not loop.last %}, {% endif %}{% endfor %})
