-- Counts what a commit changed, by comparing the two snapshots; where Trino's own count is lost, or says only what was written.
{% from 'marts/names.sql' import equal, differ %}
select
  count_if(earlier._event_id is null),
  count_if(earlier._event_id is not null and later._event_id is not null),
  count_if(later._event_id is null)
from (select * from {{ table }} for version as of {{ parent }}) as earlier
full join (select * from {{ table }} for version as of {{ snapshot }}) as later
  on {{ equal(matched, 'earlier', 'later') }}
where earlier._event_id is null or later._event_id is null{% if values %} or {{ differ(values, 'earlier', 'later') }}{% endif %}
