-- Counts the affected scopes, and those with a null.
select
  count(*) as scopes,
  count_if({% for column in scope %}{{ column.name }} is null{% if not loop.last %} or {% endif %}{% endfor %}) as with_null
from {{ scopes }}
