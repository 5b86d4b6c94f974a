-- Says of every staged event of the batches what became of it, and how many rows of the current table these batches gave.
{% from 'marts/names.sql' import bare, equal, list, place, before_all %}
with batch as (
  select {{ bare(key_columns) }}, _event_id, _occurred_at, _operation
  from {{ staging }}
  where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}
),
{% if has_late %}
before as (
{% include 'marts/highest.sql' %}
),
{% endif %}
{% if is_truncated %}
truncates as (
  select
    coalesce(max({{ place('staged', by_clock, first_logged) }}) filter (where _batch_id <= {{ after_batch }}), {{ before_all(by_clock) }}) as _before,
    coalesce(max({{ place('staged', by_clock, first_logged) }}) filter (where _batch_id > {{ after_batch }}), {{ before_all(by_clock) }}) as _within
  from {{ staging }} as staged
  where _operation = 'T' and _batch_id <= {{ upto_batch }}
),
{% endif %}
judged as (
  select
    {{ list(key_columns, 'batch') }}, {{ place('batch', by_clock, first_logged) }} as _place, batch._operation,
    greatest({{ before_all(by_clock) }}{% if has_late %}, coalesce(before._highest, {{ before_all(by_clock) }}){% endif %}{% if is_truncated %}, truncates._before{% endif %}) as _late_below,
    {% if is_truncated %}truncates._within{% else %}{{ before_all(by_clock) }}{% endif %} as _truncated_below
  from batch
  {% if has_late %}
  left join before on {{ equal(key_columns, 'batch', 'before') }}
  {% endif %}
  {% if is_truncated %}
  cross join truncates
  {% endif %}
  where batch._operation <> 'T'
),
-- At most one event of a key wins: the last, unless something later came before, or a truncate after it.
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
  coalesce(sum(_events), 0),
  coalesce(sum(_late), 0),
  coalesce(sum(_events - _late - if(_has_winner, 1, 0)), 0),
  coalesce(sum(if(_has_winner and _ends_deleted, 1, 0)), 0),
  coalesce(sum(if(_has_winner and not _ends_deleted, 1, 0)), 0),
  {% if is_truncated %}(select count(*) from batch where _operation = 'T'){% else %}0{% endif %},
  (select count(*) from {{ current }} where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }})
from by_key
