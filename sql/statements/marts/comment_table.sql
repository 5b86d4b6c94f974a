-- Sets the comment of a table or a view: what it means.
comment on {% if is_view %}view{% else %}table{% endif %} {{ table }} is {{ description | literal }}
