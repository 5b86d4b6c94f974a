-- Counts the outcome of every staged event of the batches, and the current rows that these batches gave.
{% from 'marts/names.sql' import bare, equal, list, chosen, row_events %}
{% from 'marts/order.sql' import place, before_all %}
-- The events of the batches. Only the place of an event in the order of its key counts here, not its values.
with batch as (
  select {{ bare(key_columns) }}, _event_id, _occurred_at, _operation
  from {{ staging }}
  where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}
{{ chosen(key_columns, none, slice) }}
),
{% if may_be_late %}
before as (
{% include 'marts/highest.sql' %}
),
{% endif %}
{% if is_truncated %}
-- The last truncate before the batches, and the last one within them.
truncates as (
  select
    coalesce(
      max({{ place('staged') }}) filter (where _batch_id <= {{ after_batch }}), {{ before_all }}
    ) as _before,
    coalesce(
      max({{ place('staged') }}) filter (where _batch_id > {{ after_batch }}), {{ before_all }}
    ) as _within
  from {{ staging }} as staged
  where _operation = 'T' and _batch_id <= {{ upto_batch }}
),
{% endif %}
-- Every event with the places that judge it. Below `_late_below` it came late: its key, or a truncate, was further
-- before the batches. Below `_truncated_below` a truncate of these batches came after it.
judged as (
  select
    {{ list(key_columns, 'batch') }}, {{ place('batch') }} as _place, batch._operation,
    greatest(
      {{ before_all }}
      {%- if may_be_late %}, coalesce(before._highest, {{ before_all }}){% endif %}
      {%- if is_truncated %}, truncates._before{% endif %}

    ) as _late_below,
    {% if is_truncated %}truncates._within{% else %}{{ before_all }}{% endif %} as _truncated_below
  from batch
  {% if may_be_late %}
  left join before on {{ equal(key_columns, 'batch', 'before') }}
  {% endif %}
  {% if is_truncated %}
  cross join truncates
  {% endif %}
  where batch._operation in {{ row_events }}
),
-- At most one event of a key wins: the last, unless something later came before the batches, or a truncate after it.
by_key as (
  select
    count(*) as _events,
    count_if(_place < _late_below) as _late,
    max(_place) > greatest(max(_late_below), max(_truncated_below)) as _has_winner,
    max_by(_operation, _place) = 'D' as _ends_deleted
  from judged
  group by {{ bare(key_columns) }}
)
select
  coalesce(sum(_events), 0) as events,
  coalesce(sum(_late), 0) as late,
  coalesce(sum(_events - _late - if(_has_winner, 1, 0)), 0) as superseded,
  coalesce(sum(if(_has_winner and _ends_deleted, 1, 0)), 0) as ends_deleted,
  coalesce(sum(if(_has_winner and not _ends_deleted, 1, 0)), 0) as ends_with_row,
  {% if is_truncated %}(select count(*) from batch where _operation = 'T'){% else %}0{% endif %} as truncates,
  {% if current_is_view %}
  cast(null as bigint) as rows_written
  {% else %}
  (
    select count(*) from {{ current }} where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}
{{ chosen(key_columns, none, slice) }}
  ) as rows_written
  {% endif %}
from by_key
