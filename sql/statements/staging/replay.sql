-- Appends the chosen rejects that can be taken by now to the typed log, as a batch of their own.
-- Doing it twice is harmless: an event id is taken once.
{% from 'marts/names.sql' import bare, list %}
merge into {{ staging }} as staged
using (
  {% include 'staging/firsts.sql' %}
) as event
on staged._event_id = event._event_id
when not matched then insert (
  _event_id, _operation, _occurred_at, _ingested_at, _batch_id,
  {{ bare(columns) }}
) values (
  event._event_id, event._operation, event._occurred_at, event._ingested_at, {{ batch }},
  {{ list(columns, 'event') }}
)
