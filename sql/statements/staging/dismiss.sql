-- Deletes the chosen rejects; their events stay in the landing table.
{% from 'staging/reject_id.sql' import chosen %}
delete from {{ rejects }} where {{ chosen(from, reason, ids, before) }}
