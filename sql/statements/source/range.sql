{# Which rows belong to a range of keys: those after one key and up to another. #}
{% if bounds.after %}
  and ({% for column in bounds.columns %}source.{{ column }}{% if not loop.last %}, {% endif %}{% endfor %})
    > ({% for value in bounds.after %}{{ value | literal }}{% if not loop.last %}, {% endif %}{% endfor %})
  {% endif %}
  {% if bounds.upto %}
  and ({% for column in bounds.columns %}source.{{ column }}{% if not loop.last %}, {% endif %}{% endfor %})
    <= ({% for value in bounds.upto %}{{ value | literal }}{% if not loop.last %}, {% endif %}{% endfor %})
  {% endif %}
