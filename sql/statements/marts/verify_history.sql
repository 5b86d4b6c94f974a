-- Counts the versions that are not what the typed log says: missing, different, or unexpected.
{% include 'marts/versions.sql' %}
{% from 'marts/names.sql' import equal, differ, list, chosen %}
-- The versions that the history has of the same keys.
, present as (
  select kept.* from {{ history }} as kept
  where true
{{ chosen(key_columns, sample_of, slice) }}
)
select
  count_if(present._event_id is null) as missing,
  count_if(intended._event_id is not null and present._event_id is not null) as different,
  count_if(intended._event_id is null) as unexpected
from intended
full join present
  on {{ equal(key_columns, 'intended', 'present') }} and intended.valid_from = present.valid_from
where intended._event_id is null or present._event_id is null
  or intended.valid_to is distinct from present.valid_to
  or intended.is_current <> present.is_current
  or intended.is_deleted <> present.is_deleted
  {% if value_columns %}
  or {{ differ(value_columns, 'intended', 'present') }}
  {% endif %}
