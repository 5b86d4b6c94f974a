-- Remakes the current rows of every key from the whole typed log, and replaces the table in one commit.
{% from 'marts/names.sql' import bare %}
{% if build %}insert into {{ build }}{% else %}create or replace table {{ current }} as{% endif %}

{% include 'marts/last_events.sql' %}
select {{ bare(columns) }}, _event_id, _occurred_at, _ingested_at, _batch_id
from last_events
where _exists
