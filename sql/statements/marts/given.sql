{# The keys that a caller named, as rows of the key's columns: each value is a text, cast to its column's type. #}
  select distinct
    {% for column in key_columns %}
    {% if column.kind == 'varbinary' %}
    from_hex(substr({{ "_" ~ loop.index }}, 3)) as {{ column.name }}
    {%- else %}
    cast({{ "_" ~ loop.index }} as {{ column.data_type | data_type }}) as {{ column.name }}
    {%- endif %}
    {%- if not loop.last %},{% endif %}

    {% endfor %}
  from (
    values
    {% for key in keys %}
    ({% for value in key %}{{ value | literal }}{% if not loop.last %}, {% endif %}{% endfor %})
    {%- if not loop.last %},{% endif %}

    {% endfor %}
  ) as given ({% for column in key_columns %}{{ "_" ~ loop.index }}{% if not loop.last %}, {% endif %}{% endfor %})
