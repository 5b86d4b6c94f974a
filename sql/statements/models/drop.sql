-- Drops what stands in the place of a model that is kept in another way now.
drop {% if is_view %}view{% else %}table{% endif %} if exists {{ table }}
