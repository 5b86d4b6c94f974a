-- Asks Trino whether a model's query gives the columns of its unique key. Runs nothing.
explain (type validate)
select {% for column in key %}{{ column }}{% if not loop.last %}, {% endif %}{% endfor %}
from (
{{ sql | expression }}
) as model
