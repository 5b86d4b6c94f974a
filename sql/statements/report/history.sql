-- Looks up all versions of one key, oldest first.
select {% for column in columns %}{{ column.name }}, {% endfor %}valid_from, valid_to, is_current, is_deleted, _event_id
from {{ history }}
where {% for part in key %}{{ part.name }} = cast({{ part.value | literal }} as {{ part.data_type | data_type }}){% if not loop.last %} and {% endif %}{% endfor %}

order by valid_from
limit {{ limit }}
