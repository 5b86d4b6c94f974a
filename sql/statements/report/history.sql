-- Looks up all versions of one key, oldest first.
select *
from {{ history }}
where {% for part in key %}{{ part.name }} = cast({{ part.value | literal }} as {{ part.data_type | data_type }}){% if not loop.last %} and {% endif %}{% endfor %}

order by valid_from
limit {{ limit }}
