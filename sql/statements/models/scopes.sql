-- Keeps the affected scopes of a model, which are too many for a list.
{% from 'marts/names.sql' import bare %}
create or replace table {{ scopes }} as
select distinct {{ bare(scope) }}
from (
{{ affected | expression }}
)
