-- Makes the current rows of every key from the whole log, aside, and swaps them in by one commit.
{% from 'marts/names.sql' import bare %}
create or replace table {{ current }} as
{% include 'marts/lasts.sql' %}
select {{ bare(columns) }}, _event_id, _occurred_at, _ingested_at, _batch_id
from lasts
where _exists
