{% from 'marts/names.sql' import bare, equal, place, before_all %}
{# The last event of every key that is looked at, and whether it leaves a row. #}
{% if is_increment %}
with batch as (
{% include 'marts/batch.sql' %}
),
{% if has_late %}
before as (
{% include 'marts/highest.sql' %}
),
-- A row that is there stands for all events before the batches: of the batches only what is later counts.
events as (
  select batch.*
  from batch
  left join before on {{ equal(key_columns, 'batch', 'before') }}
  where before._highest is null or {{ place('batch', by_clock, first_logged) }} > before._highest
)
{% else %}
events as (select * from batch)
{% endif %}
{% else %}
{% include 'marts/events.sql' %}
{% endif %}
-- Found by key and id alone, because whole rows of every key would not fit into memory at once.
, newest as (
  select {% if by_clock %}max_by(_event_id, {{ place('events', by_clock, first_logged) }}){% else %}max(_event_id){% endif %} as _newest from events group by {{ bare(key_columns) }}
),
-- A truncate after the last event of a key deletes it as well.
lasts as (
  select
    events.*,
    _operation <> 'D'{% if is_truncated and (everything or has_late) %} and {{ place('events', by_clock, first_logged) }} > (
      select coalesce(max({{ place('staged', by_clock, first_logged) }}), {{ before_all(by_clock) }}) from {{ staging }} as staged where _operation = 'T' and _batch_id <= {{ upto_batch }}
    ){% endif %} as _exists
  from events
  join newest on events._event_id = newest._newest
)
