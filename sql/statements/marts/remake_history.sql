-- Remakes the versions of every key from the whole typed log, and replaces the table in one commit. Open versions lie
-- in files of their own, so that a change reads only those.
{% from 'marts/properties.sql' import with_properties %}
{% from 'marts/names.sql' import bare %}
{% if build %}insert into {{ build }}{% else %}create or replace table {{ history }}{{ with_properties(history_properties) }} as{% endif %}

{% include 'marts/versions.sql' %}
select {{ bare(columns) }}, valid_from, valid_to, is_current, is_deleted, _event_id, _ingested_at, _batch_id
from intended
