{# Gives `intended`: the versions that the events make of each key. A key's open version stands for everything before.
   If all events of a key are newer, its open version and these events are enough.

   An example, for one key of a table with the columns `state` and `amount`. `timed` adds `_starts_at`, when an event
   begins to be valid, and `_next_at`, the time of the next event. `visible` drops event 2. `marked` adds `_is_boundary`:

     _event_id  _operation  _occurred_at  state  amount | _starts_at  _next_at  visible  _is_boundary
     1          I           10:00         new    100    | 10:00       10:05     yes      yes: inserted
     2          U           10:05         paid   100    | 10:05       10:05     no: event 3 replaced it at the same time
     3          U           10:05         paid   120    | 10:05       10:20     yes      yes: columns changed
     4          D           10:20                       | 10:20                 yes      yes: deleted

   `boundaries` lets each boundary end where the next one begins, and `intended` keeps those that are no delete:

     valid_from  valid_to  is_current  is_deleted  state  amount
     10:00       10:05     false       false       new    100
     10:05       10:20     false       true        paid   120  #}
{% include 'marts/events.sql' %}
{% from 'marts/names.sql' import list, bare, equal, within %}
{% from 'marts/order.sql' import in_order, place_columns %}
{% macro before(column) %}{{ "_" ~ column.name ~ "_before" }}{% endmacro %}
{% macro shown(column) %}{{ "_" ~ column.name ~ "_shown" }}{% endmacro %}
-- Everything that a key's versions follow from: its events, its open version as its oldest event, truncates as deletes.
, all_events as (
  select {{ bare(columns) }}, _event_id, _occurred_at, _ingested_at, _batch_id, _operation, false as _is_open from events
  {% if not reads_whole_typed_log %}
  union all
  select
    {{ list(columns, 'kept') }}, kept._event_id, kept.valid_from, kept._ingested_at, kept._batch_id, 'I', true
  from {{ history }} as kept
  join (select distinct {{ bare(key_columns) }} from events where not _is_reread) as touched
    on {{ equal(key_columns, 'kept', 'touched') }}{{ within('kept', bounds) }}
  where kept.is_current
  {% endif %}
  {% if is_truncated and (reads_whole_typed_log or rereads_keys) %}
  -- Keys with only newer events need no truncates. A batch with a truncate remakes the table, so every truncate came
  -- before their events, and their open version already reflects it.
  union all
{% include 'marts/truncates.sql' %}
  {% endif %}
),
-- An event is valid from its own time, or from the latest time before it if the clock went back. It was visible if and
-- only if the next event's own time is later than that. So one pass is enough.
timed as (
  select
    *,
    max(_occurred_at) over ({{ in_order }} rows unbounded preceding) as _starts_at,
    lead(_occurred_at) over ({{ in_order }}) as _next_at
  from all_events
),
-- If several events share a time, only the last one was visible. It is compared with the visible event before it.
visible as (
  select
    *,
    {% for column in tracked_columns %}
    lag({{ column.name }}) over ({{ in_order }}) as {{ before(column) }},
    {% endfor %}
    -- Before its first event a key counts as deleted.
    lag(_operation, 1, 'D') over ({{ in_order }}) as _previous_operation
  from timed
  where _next_at is null or _next_at > _starts_at
),
-- A boundary begins a version or ends one: the row was inserted or deleted, or a tracked column changed.
marked as (
  select
    *,
    case
      when _operation = 'D' then _previous_operation <> 'D'
      when _previous_operation = 'D' then true
      {% if tracked_columns %}
      else
        {% for column in tracked_columns %}
        {% if not loop.first %} or {% endif %}{{ column.name }} is distinct from {{ before(column) }}
        {% endfor %}
      {% else %}
      else false
      {% endif %}
    end as _is_boundary
  from visible
),
{% if untracked_columns %}
-- Numbers the versions of a key, so that the next step can look at each by itself.
numbered as (
  select *, sum(if(_is_boundary, 1, 0)) over ({{ in_order }} rows unbounded preceding) as _version
  from marked
),
-- Untracked columns begin no version: each version shows the last value that they had within it.
shown as (
  select
    numbered.*,
    {% for column in untracked_columns %}
    last_value({{ column.name }}) over within_version as {{ shown(column) }}{% if not loop.last %},{% endif %}

    {% endfor %}
  from numbered
  window within_version as (
    partition by {{ bare(key_columns) }}, _version, _operation = 'D' order by {{ place_columns }}
    rows between unbounded preceding and unbounded following
  )
),
{% endif %}
-- A version ends when the next boundary begins. It ended by a delete if that boundary is a delete.
boundaries as (
  select
    *,
    lead(_starts_at) over ({{ in_order }}) as _ends_at,
    -- No event follows the last one, so it does not end by a delete.
    lead(_operation, 1, 'I') over ({{ in_order }}) = 'D' as _ends_deleted
  from {% if untracked_columns %}shown{% else %}marked{% endif %}

  where _is_boundary
),
-- The versions as rows of the history. `_stays` marks an open version that is right as it is and needs no writing.
intended as (
  select
    {% for column in columns %}
    {% if column.is_untracked %}{{ shown(column) }} as {{ column.name }}{% else %}{{ column.name }}{% endif %},
    {% endfor %}
    _starts_at as valid_from, _ends_at as valid_to, _ends_at is null as is_current, _ends_deleted as is_deleted,
    _event_id, _ingested_at, _batch_id,
    _is_open and _ends_at is null
    {%- for column in untracked_columns %}
 and {{ shown(column) }} is not distinct from {{ column.name }}
    {%- endfor %} as _stays
  from boundaries
  where _operation <> 'D'
)
