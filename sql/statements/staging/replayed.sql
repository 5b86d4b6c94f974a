-- Deletes the chosen rejects that can be taken by now: the typed log has their events, some under another id.
{% from 'staging/reject_id.sql' import chosen %}
delete from {{ rejects }}
where {{ chosen(from, reason, ids, before) }}
  and reason <> 'id_reuse'
  and audit_event_id in (
    select _event_id
    from (
      {% include 'staging/events.sql' %}
      select _event_id from judged where _reason is null
    )
  )
