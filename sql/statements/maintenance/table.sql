-- Counts a table's snapshots and manifests, finds how old the oldest snapshot is that something may still read, and whether a commit
-- deletes metadata that is no longer listed.
select
  count(*) as snapshots,
  {% if in_use %}
  max(date_diff('second', committed_at, current_timestamp))
    filter (where snapshot_id in ({% for snapshot in in_use %}{{ snapshot }}{% if not loop.last %}, {% endif %}{% endfor %}))
  {%- else %}
  cast(null as bigint)
  {%- endif %} as oldest_in_use_seconds,
  (select count(*) from {{ manifests }}) as manifests,
  (select max(value) from {{ properties }} where key = 'write.metadata.delete-after-commit.enabled') as deletes_metadata
from {{ snapshots }}
