-- Adds every event of the batches that cannot be taken to the rejects, once, with its reason.
-- It runs after staging/merge.sql.
merge into {{ rejects }} as kept
using (
  {% include 'staging/events.sql' %}
  {% from 'staging/typed.sql' import shown, misfit_as %}
  {% from 'marts/names.sql' import sliced %}
  {% set event_id = {'name': '_event_id', 'kind': 'integer'} %}
  -- An event without a fault of its own may have the id of a staged event with other content: the staged one stays.
  , compared as (
    select
      judged.*,
      coalesce(_reason, case when staged._event_id is not null and (
        staged._operation <> judged._operation
        or staged._occurred_at <> judged._occurred_at
        {% for column in columns %}
        or staged.{{ column.name }} is distinct from judged.{{ column.name }}
        {% endfor %}
        ) then 'id_reuse' end) as _fault
    from judged
    left join (
      select *
      from {{ staging }}
      {% if slice %}
      where {{ sliced([event_id], slice) }}
      {% endif %}
    ) as staged
      on staged._event_id = judged._event_id
      and staged._event_id between {{ first_event }} and {{ last_event }}
  ),
  -- The column and the value at fault. The same event may have landed more than once: the first is kept.
  faulty as (
    select
      *,
      case _fault
        when 'bad_operation' then 'audit_operation'
        when 'future_time' then 'audit_timestamp'
        when 'bad_json' then 'raw_data'
        when 'null_key' then {{ key_columns[0].name | literal }}
        when 'bad_value' then case
          when _event_id is null then 'audit_event_id'
          when _occurred_at is null then 'audit_timestamp'
          {% for column in columns %}
          {{ misfit_as(column, column.name | literal) }}
          {% endfor %}
        end
      end as _fault_column,
      case _fault
        when 'bad_operation' then _operation
        when 'future_time' then cast(_occurred_at as varchar)
        when 'bad_value' then case
          when _event_id is null or _occurred_at is null then null
          {% for column in columns %}
          {{ misfit_as(column, shown(column)) }}
          {% endfor %}
        end
      end as _fault_value,
      row_number() over (partition by _event_id, _raw_data order by _batch_id) as _arrival
    from compared
    where _fault is not null
  )
  select * from faulty where _arrival = 1
) as event
on kept.tbl_schema = event._schema and kept.tbl_name = event._table
  and kept.audit_event_id is not distinct from event._event_id
  and kept.raw_data is not distinct from event._raw_data
when not matched then insert (
  ingested_at, source_file, audit_event_id, audit_operation, audit_timestamp,
  tbl_schema, tbl_name, raw_data, fields, _batch_id,
  reason, column_name, value, rejected_at
) values (
  event._ingested_at, event._source_file, event._event_id, event._operation, event._occurred_at,
  event._schema, event._table, event._raw_data, event._fields, event._batch_id,
  event._fault, event._fault_column, event._fault_value, current_timestamp(6)
)
