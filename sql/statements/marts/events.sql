{% from 'marts/names.sql' import list, bare, equal %}
{# All events of the keys that the batches touched; of every key where everything is to be made again. #}
{% if everything %}
with events as (
  select * from {{ staging }} where _batch_id <= {{ upto_batch }} and _operation <> 'T'
)
{% else %}
with touched as (
  select distinct {{ bare(key_columns) }}
  from {{ staging }}
  where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }} and _operation <> 'T'
),
events as (
  select staged.*
  from {{ staging }} as staged
  join touched on {{ equal(key_columns, 'staged', 'touched') }}
  where staged._batch_id <= {{ upto_batch }} and staged._operation <> 'T'
)
{% endif %}
