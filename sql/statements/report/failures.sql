-- Reads rows that failed a test of a run, in the order of their columns.
select *
from {{ table }} for version as of {{ snapshot }}
{% if columns %}
order by {% for column in columns %}{{ column }}{% if not loop.last %}, {% endif %}{% endfor %}
{% endif %}

offset {{ offset }}
limit {{ limit }}
