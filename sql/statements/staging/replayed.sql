-- Takes back the rejects whose events are in the log by now.
{% from 'staging/reject_id.sql' import meant %}
delete from {{ rejects }}
where {{ meant(from, reason, ids) }}
  and reason <> 'id_reuse'
  and audit_event_id in (select _event_id from {{ staging }})
