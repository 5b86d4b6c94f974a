-- Counts the rejects that a replay would try, truncates among them, and finds how high their ids and times are.
{% from 'staging/reject_id.sql' import chosen %}
select count(*), count_if(audit_operation = 'T'), max(audit_event_id), cast(max(audit_timestamp) as varchar)
from {{ rejects }}
where {{ chosen(from, reason, ids) }}
