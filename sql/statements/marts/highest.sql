{# The rows of `before`: the last place that a key had before the batches. It looks up only
   keys of `batch` that may have a late event: no event of the other keys can be late. #}
{% from 'marts/names.sql' import bare, equal, list, within, row_events %}
{% from 'marts/order.sql' import place %}
  select {{ list(key_columns, 'staged') }}, max({{ place('staged') }}) as _highest
  from {{ staging }} as staged
  join (
    select distinct {{ bare(key_columns) }}
    from batch
    {% if by_clock %}
    where _occurred_at <= timestamp {{ highest_time | literal }} or _event_id < {{ first_audit_id }}
    {% else %}
    where _event_id <= {{ highest_event }}
    {% endif %}
  ) as touched on {{ equal(key_columns, 'staged', 'touched') }}{{ within('staged', bounds) }}
  where staged._batch_id <= {{ after_batch }} and staged._operation in {{ row_events }}
  group by {{ list(key_columns, 'staged') }}
