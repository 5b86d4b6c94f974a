-- Tells what a replay may bring: how many events, truncates among them, and how high their ids and times are.
{% from 'staging/reject_id.sql' import meant %}
select count(*), count_if(audit_operation = 'T'), max(audit_event_id), cast(max(audit_timestamp) as varchar)
from {{ rejects }}
where {{ meant(from, reason, ids) }}
