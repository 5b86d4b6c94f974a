-- Counts the keys whose current row is not what the typed log says: missing, different, or unexpected.
{% include 'marts/last_events.sql' %}
{% from 'marts/names.sql' import equal, differ, list, chosen %}
-- The current rows of the same keys.
, present as (
  select {{ list(columns, 'kept') }}, kept._event_id from {{ current }} as kept
  where true
{{ chosen(key_columns, sample_of, slice) }}
)
select
  count_if(present._event_id is null) as missing,
  count_if(intended._event_id is not null and present._event_id is not null) as different,
  count_if(intended._event_id is null) as unexpected
from (select * from last_events where _exists) as intended
full join present on {{ equal(key_columns, 'intended', 'present') }}
where intended._event_id is null or present._event_id is null
  {% if value_columns %}
  or {{ differ(value_columns, 'intended', 'present') }}
  {% endif %}
