{# The columns of a row, each in its form: the bytes of a text, the text that `jsonb` has, or the server's own text. #}
{% for field in fields %}
{% if field.form == 'text' %}
source.{{ field.name }}
{% elif field.form == 'json' %}
to_jsonb(source.{{ field.name }})::text
{% else %}
source.{{ field.name }}::text
{% endif %}
{% if not loop.last %}, {% endif %}
{% endfor %}
