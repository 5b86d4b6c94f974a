-- Lists which of some snapshots a table still has.
select cast(snapshot_id as varchar) as snapshot
from {{ snapshots }}
where snapshot_id in ({% for snapshot in wanted %}{{ snapshot }}{% if not loop.last %}, {% endif %}{% endfor %})
