{% include 'staging/events.sql' %}
{% from 'marts/names.sql' import bare, equal, list %}
{% if has_loaded %}
-- What was read of a table itself says nothing of a key that its log has told of.
, logged as (
  select {{ bare(key_columns) }}, min(_batch_id) as _since
  from (
    select {{ bare(key_columns) }}, _batch_id from judged where _event_id >= {{ first_logged }} and _reason is null
    {% if not remaking %}
    union all
    select {{ bare(key_columns) }}, _batch_id from {{ staging }} where _event_id >= {{ first_logged }}
    {% endif %}
  )
  group by {{ bare(key_columns) }}
)
{% endif %}
, taken as (
  select judged.*
  from judged
  {% if has_loaded %}
  left join logged on {{ equal(key_columns, 'judged', 'logged') }}
  {% endif %}
  where _reason is null
  {% if has_loaded %}
    and (_event_id >= {{ first_logged }} or _since is null or _since > judged._batch_id)
  {% endif %}
)
{% if is_by_content %}
-- Ids of ours never repeat: an event that came before is one of the same key, time and operation with the same row, out of another file.
, dated as (
  select *, first_value(_source_file) over same as _first_file, first_value(_batch_id) over same as _first_batch
  from taken
  window same as (partition by {% for column in columns %}{{ column.name }}, {% endfor %}_occurred_at, _operation order by _event_id)
)
select * from dated
where _first_file = _source_file and _first_batch = _batch_id
  {% if not remaking %}
  {% include 'staging/unknown.sql' %}
  {% endif %}
{% elif is_shown and not remaking and not replaying %}
-- A row is read again where its transaction may be new: it is no event where the current rows show it as it was read. Of later events of
-- its key they say nothing.
, placed as (
  select *, row_number() over (partition by {{ bare(key_columns) }} order by _event_id) as _place
  from taken
)
select placed.*
from {{ current }} as present
-- The right side is kept in memory: what was read, not the table.
right join placed on {{ equal(key_columns, 'placed', 'present') }}
where not (
  _place = 1 and placed._operation = 'U' and present._event_id is not null and present._occurred_at = placed._occurred_at
  {% for column in value_columns %}
  and present.{{ column.name }} is not distinct from placed.{{ column.name }}
  {% endfor %}
)
{% elif repeats %}
-- Of an id that came more than once, the first that landed.
, firsts as (
  select *, row_number() over (partition by _event_id order by _batch_id) as _arrival
  from taken
)
select * from firsts where _arrival = 1
{% else %}
select * from taken
{% endif %}
