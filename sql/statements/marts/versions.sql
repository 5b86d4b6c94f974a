{% include 'marts/events.sql' %}
{% from 'marts/names.sql' import list, bare, equal, within, place, ordering, after_all %}
{# The versions that the events make. What follows a key's open version needs no more than that: it goes in as an event of old. #}
, moves as (
  select {{ bare(columns) }}, _event_id, _occurred_at, _batch_id, _operation, false as _is_open from events
  {% if not everything %}
  union all
  select {{ list(columns, 'kept') }}, kept._event_id, kept.valid_from, kept._batch_id, 'I', true
  from {{ history }} as kept
  join (select distinct {{ bare(key_columns) }} from events where _is_newer) as touched on {{ equal(key_columns, 'kept', 'touched') }}{{ within('kept', bounds) }}
  where kept.is_current
  {% endif %}
  {% if is_truncated and (everything or has_older) %}
  -- A truncate is a delete of every key that has an earlier event. Of several between two events of a key the first deletes, and
  -- all of them hold the clock.
  union all
  select
    {% for column in columns %}
    {% if column.is_key %}followed.{{ column.name }}{% else %}cast(null as {{ column.data_type | data_type }}){% endif %},
    {% endfor %}
    truncate._id, truncate._at, truncate._batch, 'D', false
  from (
    select
      {{ list(key_columns, 'event') }},
      filter(truncates._all, t -> {% if by_clock %}row(t._at, t._id){% else %}t._id{% endif %} > {{ place('event', by_clock, first_logged) }} and {% if by_clock %}row(t._at, t._id){% else %}t._id{% endif %} < event._next) as _between
    from (
      select {{ bare(key_columns) }}, _event_id, _occurred_at, lead({{ place('events', by_clock, first_logged) }}, 1, {{ after_all(by_clock) }}) over (partition by {{ bare(key_columns) }} order by {{ ordering(by_clock, first_logged) }}) as _next
      from events
      where not _is_newer
    ) as event
    cross join (
      select array_agg(cast(row(_event_id, _occurred_at, _batch_id) as row(_id bigint, _at timestamp(6) with time zone, _batch bigint)) order by {{ ordering(by_clock, first_logged) }}) as _all
      from {{ staging }}
      where _operation = 'T' and _batch_id <= {{ upto_batch }}
    ) as truncates
  ) as followed
  cross join unnest(if(cardinality(_between) < 2, _between, array[
    element_at(_between, 1),
    cast(row(element_at(_between, -1)._id, array_max(transform(_between, t -> t._at)), element_at(_between, -1)._batch) as row(_id bigint, _at timestamp(6) with time zone, _batch bigint))
  ])) as truncate (_id, _at, _batch)
  {% endif %}
),
-- An event is valid from its time, or from the one before it where the clock went back. It ends later than it begins where the
-- next one's own time is later; so no second pass is needed for the next one's begin.
timed as (
  select
    *,
    max(_occurred_at) over (partition by {{ bare(key_columns) }} order by {{ ordering(by_clock, first_logged) }} rows unbounded preceding) as _starts_at,
    lead(_occurred_at) over (partition by {{ bare(key_columns) }} order by {{ ordering(by_clock, first_logged) }}) as _next_at
  from moves
),
compared as (
  select
    *,
    {% for column in tracked_columns %}
    lag({{ column.name }}) over (partition by {{ bare(key_columns) }} order by {{ ordering(by_clock, first_logged) }}) as {{ "_" ~ column.name ~ "_before" }},
    {% endfor %}
    lag(_operation, 1, 'D') over (partition by {{ bare(key_columns) }} order by {{ ordering(by_clock, first_logged) }}) as _previous_operation
  from timed
  -- Of several events at one time only the last was ever visible.
  where _next_at is null or _next_at > _starts_at
),
-- A boundary opens a version or ends one: a tracked column changed, the row came, the row went.
marked as (
  select
    *,
    case
      when _operation = 'D' then _previous_operation <> 'D'
      when _previous_operation = 'D' then true
      {% if tracked_columns %}
      else {% for column in tracked_columns %}{{ column.name }} is distinct from {{ "_" ~ column.name ~ "_before" }}{% if not loop.last %} or {% endif %}{% endfor %}

      {% else %}
      else false
      {% endif %}
    end as _is_boundary
  from compared
),
{% if untracked_columns %}
-- Untracked columns show the last value that they had within the version.
numbered as (
  select *, sum(if(_is_boundary, 1, 0)) over (partition by {{ bare(key_columns) }} order by {{ ordering(by_clock, first_logged) }} rows unbounded preceding) as _version
  from marked
),
shown as (
  select
    numbered.*,
    {% for column in untracked_columns %}
    last_value({{ column.name }}) over within_version as {{ "_" ~ column.name ~ "_before" }}{% if not loop.last %},{% endif %}

    {% endfor %}
  from numbered
  window within_version as (
    partition by {{ bare(key_columns) }}, _version, _operation = 'D' order by {{ ordering(by_clock, first_logged) }}
    rows between unbounded preceding and unbounded following
  )
),
{% endif %}
bounded as (
  select
    *,
    lead(_starts_at) over (partition by {{ bare(key_columns) }} order by {{ ordering(by_clock, first_logged) }}) as _ends_at,
    lead(_operation, 1, 'I') over (partition by {{ bare(key_columns) }} order by {{ ordering(by_clock, first_logged) }}) = 'D' as _ends_deleted
  from {% if untracked_columns %}shown{% else %}marked{% endif %}

  where _is_boundary
),
intended as (
  select
    {% for column in columns %}
    {% if column.is_untracked %}{{ "_" ~ column.name ~ "_before" }} as {{ column.name }}{% else %}{{ column.name }}{% endif %},
    {% endfor %}
    _starts_at as valid_from, _ends_at as valid_to, _ends_at is null as is_current, _ends_deleted as is_deleted, _event_id, _batch_id,
    -- An open version that stays as it is needs no writing.
    _is_open and _ends_at is null{% for column in untracked_columns %} and {{ "_" ~ column.name ~ "_before" }} is not distinct from {{ column.name }}{% endfor %} as _stays
  from bounded
  where _operation <> 'D'
)
