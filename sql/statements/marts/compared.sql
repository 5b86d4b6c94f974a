-- Counts the rows that a commit added, changed and removed, by comparing the snapshots before and after it.
{% from 'marts/names.sql' import bare, equal, differ, within, sliced %}
{% if only_touched %}
-- Only rows of the keys that were worked on can differ.
with touched as (
{% if keys %}
{% include 'marts/given.sql' %}
{% else %}
  select distinct {{ bare(key_columns) }}
  from {{ staging }}
  where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}
  {% if slice %}
    and {{ sliced(key_columns, slice) }}
  {% endif %}
{% endif %}
)
{% endif %}
{% set touching %}
{% if only_touched %}
join touched on {{ equal(key_columns, 'kept', 'touched') }}{{ within('kept', bounds) }}
{% endif %}
where true
{%- if only_open %} and kept.is_current{% endif %}
{%- if slice and not only_touched %} and {{ sliced(key_columns, slice) }}{% endif %}
{% endset %}
select
  count_if(earlier._event_id is null) as inserted,
  count_if(earlier._event_id is not null and later._event_id is not null) as updated,
  count_if(later._event_id is null) as deleted,
  {% if is_history %}
  -- Closed: changed versions that were open. Split: changed versions that end earlier.
  count_if(earlier._event_id is not null and earlier.valid_to is null and later.valid_to is not null) as closed,
  count_if(later.valid_to < earlier.valid_to) as split
  {% else %}
  cast(null as bigint) as closed,
  cast(null as bigint) as split
  {% endif %}
from (select kept.* from {{ table }} for version as of {{ parent }} as kept {{ touching }}) as earlier
full join (select kept.* from {{ table }} for version as of {{ snapshot }} as kept {{ touching }}) as later
  on {{ equal(matched, 'earlier', 'later') }}
where earlier._event_id is null or later._event_id is null
  {% if values %}
  or {{ differ(values, 'earlier', 'later') }}
  {% endif %}
