{% from 'marts/names.sql' import bare, equal, list, within, place %}
{# Of every key of `batch` with an event that is not newer than everything before: the last place that it had before. #}
  select {{ list(key_columns, 'staged') }}, max({{ place('staged', by_clock, first_logged) }}) as _highest
  from {{ staging }} as staged
  join (
    select distinct {{ bare(key_columns) }} from batch where {% if by_clock %}_occurred_at <= timestamp {{ highest_time | literal }} or _event_id < {{ first_logged }}{% else %}_event_id <= {{ highest_event }}{% endif %}
  ) as touched on {{ equal(key_columns, 'staged', 'touched') }}{{ within('staged', bounds) }}
  where staged._batch_id <= {{ after_batch }} and staged._operation <> 'T'
  group by {{ list(key_columns, 'staged') }}
