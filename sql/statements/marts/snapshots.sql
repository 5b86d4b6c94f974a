-- Lists the snapshots of a table, with the statements that made them as far as Trino noted them.
select
  cast(snapshot_id as varchar) as snapshot,
  cast(parent_id as varchar) as parent,
  element_at(summary, 'trino_query_id') as query_id
from {{ snapshots }}
