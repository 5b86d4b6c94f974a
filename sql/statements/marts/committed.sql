-- Finds what a statement, or the last one, committed to a table: its snapshot, what was there before, and the table's
-- files since then.
-- Trino writes the statement's query id into the snapshot's summary.
select
  cast(snapshot_id as varchar) as snapshot,
  -- The snapshot of a remade table has no parent. Then the snapshot before it counts.
  cast(coalesce(parent_id, earlier_id) as varchar) as parent,
  parent_id is null as is_whole,
  cast(coalesce(element_at(summary, 'added-records'), '0') as bigint) as added,
  cast(coalesce(element_at(summary, 'added-position-deletes'), '0') as bigint)
    - cast(coalesce(element_at(summary, 'removed-position-deletes'), '0') as bigint) as hidden,
  earlier_rows as rows_before,
  cast(coalesce(element_at(summary, 'total-data-files'), '0') as bigint)
    + cast(coalesce(element_at(summary, 'total-delete-files'), '0') as bigint) as file_count,
  cast(coalesce(element_at(summary, 'total-files-size'), '0') as bigint) as file_bytes,
  operation
from (
  select
    snapshot_id, parent_id, summary, operation, committed_at,
    lag(snapshot_id) over (order by committed_at) as earlier_id,
    lag(cast(coalesce(element_at(summary, 'total-records'), '0') as bigint), 1, 0) over (order by committed_at)
      as earlier_rows
  from {{ snapshots }}
)
{% if query_id %}
where element_at(summary, 'trino_query_id') = {{ query_id | literal }}
{% else %}
order by committed_at desc
limit 1
{% endif %}
