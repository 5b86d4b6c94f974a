-- Tells what a statement committed: its snapshot, by the query id that Trino writes into the summary.
select
  cast(snapshot_id as varchar),
  cast(parent_id as varchar),
  cast(coalesce(element_at(summary, 'added-records'), '0') as bigint),
  cast(coalesce(element_at(summary, 'added-position-deletes'), '0') as bigint)
    - cast(coalesce(element_at(summary, 'removed-position-deletes'), '0') as bigint)
from {{ snapshots }}
where element_at(summary, 'trino_query_id') = {{ query_id | literal }}
