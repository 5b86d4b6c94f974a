{% include 'marts/lasts.sql' %}
{% from 'marts/names.sql' import equal, differ, list, within %}
{# Only rows that act: a row as it should be is not written, a delete of nothing neither. #}
{# The right side is kept in memory: what changes, not the table. #}
select lasts.*
from {{ current }} as present
right join lasts on {{ equal(key_columns, 'present', 'lasts') }}{{ within('present', bounds) }}
where if(_exists,
  present._event_id is null{% if value_columns %} or {{ differ(value_columns, 'present', 'lasts') }}{% endif %},
  present._event_id is not null)
{% if keys %}
-- A row of a key that the log does not know is from elsewhere.
union all
select {{ list(columns, 'present') }}, present._event_id, 'D', present._occurred_at, present._ingested_at, present._batch_id, false, false
from {{ current }} as present
join older on {{ equal(key_columns, 'present', 'older') }}
left join lasts on {{ equal(key_columns, 'present', 'lasts') }}
where lasts._event_id is null
{% endif %}
