{# Selects the events that the typed log is to have: those that can be taken, each once. #}
{% include 'staging/events.sql' %}
{% from 'marts/names.sql' import bare, equal, list, sliced %}
{% if has_backfill %}
-- The first batch with an audit-log event of each key. Backfill rows count only before it.
, logged as (
  select {{ bare(key_columns) }}, min(_batch_id) as _since
  from (
    select {{ bare(key_columns) }}, _batch_id
    from judged
    where _event_id >= {{ first_audit_id }} and _reason is null
    {% if not remaking %}
    union all
    select {{ bare(key_columns) }}, _batch_id
    from {{ staging }}
    where _event_id >= {{ first_audit_id }}
    {% if slice %}
      and {{ sliced(key_columns, slice) }}
    {% endif %}
    {% endif %}
  )
  group by {{ bare(key_columns) }}
)
{% endif %}
-- The events without a fault.
, taken as (
  select judged.*
  from judged
  {% if has_backfill %}
  left join logged on {{ equal(key_columns, 'judged', 'logged') }}
  {% endif %}
  where _reason is null
  {% if has_backfill %}
    and (_event_id >= {{ first_audit_id }} or _since is null or _since > judged._batch_id)
  {% endif %}
)
{% if is_by_content %}
-- The service numbers these events itself, so an event that comes again has another id. It is the same event if another
-- file has the same row with the same time and operation. The first file counts.
, dated as (
  select *, first_value(_source_file) over same as _first_file, first_value(_batch_id) over same as _first_batch
  from taken
  window same as (
    partition by {{ bare(columns) }}, _occurred_at, _operation
    order by _event_id
  )
)
select * from dated
where _first_file = _source_file and _first_batch = _batch_id
  {% if not remaking %}
  {% include 'staging/unknown.sql' %}
  {% endif %}
{% elif skips_shown_rows and not remaking and not replaying %}
-- A polled table's row is read again while its transaction may be new. It is no event if the current row is the same as
-- the row that was read: it has the same values and the same time, or the same cursor. This holds for the first event of a
-- key only.
, placed as (
  select *, row_number() over (partition by {{ bare(key_columns) }} order by _event_id) as _place
  from taken
)
select placed.*
from {{ current }} as present
-- The right side of this join is kept in memory: what was read, not the table.
right join placed on {{ equal(key_columns, 'placed', 'present') }}
where not (
  _place = 1 and placed._operation = 'U'
  and present._event_id is not null
  and (present._occurred_at = placed._occurred_at{% if cursor %} or placed.{{ cursor.name }} is not null{% endif %})
  {% for column in value_columns %}
  and present.{{ column.name }} is not distinct from placed.{{ column.name }}
  {% endfor %}
)
{% elif ids_may_repeat %}
-- Some ids came more than once: the one that landed first counts.
, firsts as (
  select *, row_number() over (partition by _event_id order by _batch_id) as _arrival
  from taken
)
select * from firsts where _arrival = 1
{% else %}
select * from taken
{% endif %}
