-- Makes the versions of every touched key what its events say; harmless twice, because a version that is right is left alone.
merge into {{ history }} as target
using (
  {% include 'marts/events.sql' %}
  {% from 'marts/names.sql' import list, bare, equal, differ %}
  {% if truncated %}
  -- A truncate is a delete of every key that has an earlier event.
  , truncates as (
    select _event_id, _occurred_at, _batch_id from {{ staging }} where _operation = 'T' and _batch_id <= {{ upto_batch }}
  ),
  starts as (
    select {{ bare(key_columns) }}, min(_event_id) as _first_event from events group by {{ bare(key_columns) }}
  ),
  moves as (
    select {{ bare(columns) }}, _event_id, _occurred_at, _batch_id, _operation from events
    union all
    select
      {% for column in columns %}
      {% if column.is_key %}starts.{{ column.name }}{% else %}cast(null as {{ column.data_type | data_type }}){% endif %},
      {% endfor %}
      truncates._event_id, truncates._occurred_at, truncates._batch_id, 'D'
    from starts join truncates on truncates._event_id > starts._first_event
  )
  {% else %}
  , moves as (select {{ bare(columns) }}, _event_id, _occurred_at, _batch_id, _operation from events)
  {% endif %}
  -- An event is valid from its time, or from the one before it where the clock went back.
  , clamped as (
    select *, max(_occurred_at) over (partition by {{ bare(key_columns) }} order by _event_id rows unbounded preceding) as _starts_at
    from moves
  ),
  -- Of several events at one time only the last was ever visible.
  timed as (
    select *, lead(_starts_at) over (partition by {{ bare(key_columns) }} order by _event_id) as _next_at
    from clamped
  ),
  compared as (
    select
      *,
      {% for column in tracked_columns %}
      lag({{ column.name }}) over (partition by {{ bare(key_columns) }} order by _event_id) as {{ "_" ~ column.name ~ "_before" }},
      {% endfor %}
      lag(_operation, 1, 'D') over (partition by {{ bare(key_columns) }} order by _event_id) as _previous_operation
    from timed
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
    select *, sum(if(_is_boundary, 1, 0)) over (partition by {{ bare(key_columns) }} order by _event_id rows unbounded preceding) as _version
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
      partition by {{ bare(key_columns) }}, _version, _operation = 'D' order by _event_id
      rows between unbounded preceding and unbounded following
    )
  ),
  {% endif %}
  bounded as (
    select
      *,
      lead(_starts_at) over (partition by {{ bare(key_columns) }} order by _event_id) as _ends_at,
      lead(_operation, 1, 'I') over (partition by {{ bare(key_columns) }} order by _event_id) = 'D' as _ends_deleted
    from {% if untracked_columns %}shown{% else %}marked{% endif %}

    where _is_boundary
  ),
  intended as (
    select
      {% for column in columns %}
      {% if column.is_untracked %}{{ "_" ~ column.name ~ "_before" }} as {{ column.name }}{% else %}{{ column.name }}{% endif %},
      {% endfor %}
      _starts_at as valid_from, _ends_at as valid_to, _ends_at is null as is_current, _ends_deleted as is_deleted, _event_id, _batch_id
    from bounded
    where _operation <> 'D'
  ),
  present as (
    select kept.*
    from {{ history }} as kept
    {% if not everything %}
    join touched on {{ equal(key_columns, 'kept', 'touched') }}
    {% endif %}
  )
  -- Only rows that act: new versions, versions that changed, versions that are no more.
  select
    {% for column in columns %}
    {% if column.is_key %}coalesce(intended.{{ column.name }}, present.{{ column.name }}) as {{ column.name }}{% else %}intended.{{ column.name }}{% endif %},
    {% endfor %}
    coalesce(intended.valid_from, present.valid_from) as valid_from,
    intended.valid_to, intended.is_current, intended.is_deleted, intended._event_id, intended._batch_id,
    intended._event_id is null as _is_gone
  from intended
  full join present on {{ equal(key_columns, 'intended', 'present') }} and intended.valid_from = present.valid_from
  where intended._event_id is null
    or present._event_id is null
    or intended._event_id <> present._event_id
    or intended.valid_to is distinct from present.valid_to
    or intended.is_deleted <> present.is_deleted
    {% if value_columns %}
    or {{ differ(value_columns, 'intended', 'present') }}
    {% endif %}
) as change
on {{ equal(key_columns, 'target', 'change') }} and target.valid_from = change.valid_from
when matched and change._is_gone then delete
when matched then update set
  {% for column in value_columns %}
  {{ column.name }} = change.{{ column.name }},
  {% endfor %}
  valid_to = change.valid_to, is_current = change.is_current, is_deleted = change.is_deleted,
  _event_id = change._event_id, _batch_id = change._batch_id
when not matched then insert (
  {{ bare(columns) }}, valid_from, valid_to, is_current, is_deleted, _event_id, _batch_id
) values (
  {{ list(columns, 'change') }}, change.valid_from, change.valid_to, change.is_current, change.is_deleted, change._event_id, change._batch_id
)
