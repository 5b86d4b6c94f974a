{# The columns of a row, each in its form: of texts their bytes, of what `jsonb` has a text of its own for that text, of others their own. #}
{% for field in fields %}
{% if field.form == 'text' %}source.{{ field.name }}{% elif field.form == 'json' %}to_jsonb(source.{{ field.name }})::text{% else %}source.{{ field.name }}::text{% endif %}{% if not loop.last %}, {% endif %}
{% endfor %}
