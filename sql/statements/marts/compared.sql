-- Counts what a commit changed, by comparing the two snapshots; for a statement whose answer was lost.
{% from 'marts/names.sql' import equal %}
select
  count_if(earlier._event_id is null),
  count_if(earlier._event_id <> later._event_id),
  count_if(later._event_id is null)
from (select * from {{ current }}{% if parent %} for version as of {{ parent }}{% else %} where false{% endif %}) as earlier
full join (select * from {{ current }} for version as of {{ snapshot }}) as later
  on {{ equal(key_columns, 'earlier', 'later') }}
