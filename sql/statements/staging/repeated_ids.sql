-- Counts the event ids that a build of the typed log has more than once.
{% from 'marts/names.sql' import sliced %}
select count(*) as ids
from (
  select _event_id
  from {{ table }}
  {% if slice %}
  where {{ sliced([{'name': '_event_id', 'kind': 'integer'}], slice) }}
  {% endif %}
  group by _event_id
  having count(*) > 1
)
