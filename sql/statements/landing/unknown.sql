-- Sums the batches above the last one that the state database knows to have landed, by source table. No row if it knows all.
select
  _batch_id as batch,
  coalesce(tbl_schema, '') as source_schema,
  coalesce(tbl_name, '') as source_table,
  count(*) as events,
  count_if(audit_operation = 'T') as truncates,
  max(audit_event_id) as last_event,
  cast(max(audit_timestamp) as varchar) as last_time
from {{ landing }}
where _batch_id > {{ after_batch }}
group by _batch_id, coalesce(tbl_schema, ''), coalesce(tbl_name, '')
