-- Makes the typed log from everything that landed, aside, and swaps it in by one commit.
create or replace table {{ staging }} as
select
  _event_id, _operation, _occurred_at, _ingested_at, _batch_id,
  {% for column in columns %}{{ column.name }}{% if not loop.last %}, {% endif %}{% endfor %}

from (
  {% include 'staging/firsts.sql' %}
)
