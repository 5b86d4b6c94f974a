-- Takes back the rejects that can be taken by now: their events are in the log, or it had them already under another id.
{% from 'staging/reject_id.sql' import meant %}
delete from {{ rejects }}
where {{ meant(from, reason, ids) }}
  and reason <> 'id_reuse'
  and audit_event_id in (
    select _event_id
    from (
      {% include 'staging/events.sql' %}
      select _event_id from judged where _reason is null
    )
  )
