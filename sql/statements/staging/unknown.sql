{# A condition of an event of `dated`: the typed log does not have the same event under another id. #}
{% from 'marts/names.sql' import equal, sliced %}
and not exists (
    select 1
    from {{ staging }} as staged
    where staged._occurred_at = dated._occurred_at and staged._operation = dated._operation
      and staged._event_id <> dated._event_id
      and {{ equal(key_columns, 'staged', 'dated') }}
      {% for column in value_columns %}
      and staged.{{ column.name }} is not distinct from dated.{{ column.name }}
      {% endfor %}
      {% if slice %}
      and {{ sliced(key_columns, slice) }}
      {% endif %}
      {% if first_time and not replaying %}
      and staged._occurred_at between timestamp {{ first_time | literal }} and timestamp {{ last_time | literal }}
      {% endif %}
  )
