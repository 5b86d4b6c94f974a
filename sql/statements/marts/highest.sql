{% from 'marts/names.sql' import bare, equal, list, within %}
{# Of every key of `batch` with an event that is not newer than everything before: the highest id that it had before. #}
  select {{ list(key_columns, 'staged') }}, max(staged._event_id) as _highest
  from {{ staging }} as staged
  join (
    select distinct {{ bare(key_columns) }} from batch where _event_id <= {{ highest_event }}
  ) as touched on {{ equal(key_columns, 'staged', 'touched') }}{{ within('staged', bounds) }}
  where staged._batch_id <= {{ after_batch }} and staged._operation <> 'T'
  group by {{ list(key_columns, 'staged') }}
