{# Gives `last_events`: the last event of every key that is looked at, and whether it leaves a row (`_exists`). #}
{% from 'marts/names.sql' import bare, equal %}
{% from 'marts/order.sql' import place, before_all %}
{% if reads_only_new_batches %}
with batch as (
{% include 'marts/batch.sql' %}
),
{% if may_be_late %}
before as (
{% include 'marts/highest.sql' %}
),
-- A current row stands for all events before the batches. So an event of the batches counts only if it is later than
-- all events that its key had before.
events as (
  select batch.*
  from batch
  left join before on {{ equal(key_columns, 'batch', 'before') }}
  where before._highest is null or {{ place('batch') }} > before._highest
)
{% else %}
-- Every event of the batches is newer than what its key had before.
events as (select * from batch)
{% endif %}
{% else %}
{% include 'marts/events.sql' %}
{% endif %}
-- The id of each key's last event. Keys and ids are looked at alone, because whole rows of every key would not fit into
-- memory at once.
, newest as (
  select {% if by_clock %}max_by(_event_id, {{ place('events') }}){% else %}max(_event_id){% endif %} as _newest
  from events
  group by {{ bare(key_columns) }}
),
-- The whole rows of these events. A delete leaves no row; a truncate after the last event deletes the row as well.
last_events as (
  select
    events.*,
    _operation <> 'D'
    {%- if is_truncated and (reads_whole_typed_log or may_be_late) %}
 and {{ place('events') }} > (
      select coalesce(max({{ place('staged') }}), {{ before_all }})
      from {{ staging }} as staged
      where _operation = 'T' and _batch_id <= {{ upto_batch }}
    )
    {%- endif %} as _exists
  from events
  join newest on events._event_id = newest._newest
)
