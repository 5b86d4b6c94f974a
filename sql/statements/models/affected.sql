-- Finds the scopes of a model that changes of its inputs can have affected, up to a number of them.
{% from 'marts/names.sql' import bare %}
select distinct {{ bare(scope) }}
from (
{{ affected | expression }}
)
limit {{ most }}
