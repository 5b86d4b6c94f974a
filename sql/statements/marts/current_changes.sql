{# The changes of the current rows that act: no row that is right already, no delete of a row that is not there. #}
{% include 'marts/last_events.sql' %}
{% from 'marts/names.sql' import equal, differ, list, within %}
-- The right side of this join is kept in memory: what changes, not the table.
select last_events.*
from {{ current }} as present
right join last_events on {{ equal(key_columns, 'present', 'last_events') }}{{ within('present', bounds) }}
where if(_exists,
  present._event_id is null{% if value_columns %} or {{ differ(value_columns, 'present', 'last_events') }}{% endif %},
  present._event_id is not null)
{% if keys %}
-- A named key may have a current row without an event in the typed log. Something else wrote that row: delete it.
union all
select
  {{ list(columns, 'present') }}, present._event_id, 'D', present._occurred_at, present._ingested_at, present._batch_id,
  true, false
from {{ current }} as present
join reread on {{ equal(key_columns, 'present', 'reread') }}
left join last_events on {{ equal(key_columns, 'present', 'last_events') }}
where last_events._event_id is null
{% endif %}
