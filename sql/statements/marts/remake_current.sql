-- Remakes the current rows of every key from the whole typed log, and replaces the table in one commit.
{% from 'marts/properties.sql' import with_properties %}
{% from 'marts/names.sql' import bare %}
{% if build %}insert into {{ build }}{% else %}create or replace table {{ current }}{{ with_properties(current_properties) }} as{% endif %}

{% include 'marts/last_events.sql' %}
select {{ bare(columns) }}, _event_id, _occurred_at, _ingested_at, _batch_id
from last_events
where _exists
