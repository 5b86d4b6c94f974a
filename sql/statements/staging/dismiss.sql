-- Forgets rejects; they stay in the landing table.
{% from 'staging/reject_id.sql' import meant %}
delete from {{ rejects }} where {{ meant(from, reason, ids) }}
