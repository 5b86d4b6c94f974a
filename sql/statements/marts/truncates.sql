{# The truncates as events of `all_events`: a truncate is a delete of every key that has an earlier event.

   Several truncates may lie between two events of a key: the first one deletes the row. The last one counts as well,
   with the latest time of them all, because no later event of the key may be valid before it. The others change
   nothing. #}
{% from 'marts/names.sql' import list, bare %}
{% from 'marts/order.sql' import place, place_columns, in_order, after_all %}
{% set truncate_place %}{% if by_clock %}row(t._at, t._id){% else %}t._id{% endif %}{% endset %}
{% set truncate_type %}row(_id bigint, _at timestamp(6) with time zone, _batch bigint){% endset %}
  select
    {% for column in columns %}
    {% if column.is_key %}
    followed.{{ column.name }},
    {% else %}
    cast(null as {{ column.data_type | data_type }}),
    {% endif %}
    {% endfor %}
    truncate._id, truncate._at, cast(null as timestamp(6) with time zone), truncate._batch, 'D', false
  from (
    -- Each event with the truncates after it and before the next event of its key.
    select
      {{ list(key_columns, 'event') }},
      filter(truncates._all, t -> {{ truncate_place }} > {{ place('event') }} and {{ truncate_place }} < event._next)
        as _between
    from (
      select
        {{ bare(key_columns) }}, _event_id, _occurred_at,
        lead({{ place('events') }}, 1, {{ after_all }}) over ({{ in_order }}) as _next
      from events
      where _is_reread
    ) as event
    cross join (
      -- All truncates of the table in one array, in their order: there are few.
      select
        array_agg(
          cast(row(_event_id, _occurred_at, _batch_id) as {{ truncate_type }}) order by {{ place_columns }}
        ) as _all
      from {{ staging }}
      where _operation = 'T' and _batch_id <= {{ upto_batch }}
    ) as truncates
  ) as followed
  cross join unnest(if(cardinality(_between) < 2, _between, array[
    element_at(_between, 1),
    cast(
      row(
        element_at(_between, -1)._id,
        array_max(transform(_between, t -> t._at)),
        element_at(_between, -1)._batch
      ) as {{ truncate_type }}
    )
  ])) as truncate (_id, _at, _batch)
