-- Counts the rejects that a replay would take, and the truncates among them, and finds their highest id and time.
{% from 'staging/reject_id.sql' import chosen %}
select
  count(*) as events,
  count_if(audit_operation = 'T') as truncates,
  max(audit_event_id) as last_event,
  cast(max(audit_timestamp) as varchar) as last_time
from {{ rejects }}
where {{ chosen(from, reason, ids, before) }}
