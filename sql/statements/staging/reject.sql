-- Keeps every event of the batches that cannot be taken, once, with its reason; runs after staging/merge.sql.
merge into {{ rejects }} as kept
using (
  {% include 'staging/events.sql' %}
  {% from 'staging/typed.sql' import text, misfit_as %}
  -- The id of a staged event with other content is the other kind of fault: the first staged stays.
  , compared as (
    select
      judged.*,
      coalesce(reason, case when
        staged._operation <> audit_operation
        or staged._occurred_at <> audit_timestamp
        {% for column in columns %}
        or staged.{{ column.name }} is distinct from judged.{{ column.name }}
        {% endfor %}
        then 'id_reuse' end) as fault
    from judged
    left join {{ staging }} as staged
      on staged._event_id = judged.audit_event_id
      and staged._event_id between {{ first_event }} and {{ last_event }}
  ),
  faulty as (
    select
      *,
      case fault
        when 'bad_operation' then 'audit_operation'
        when 'future_time' then 'audit_timestamp'
        when 'bad_json' then 'raw_data'
        when 'null_key' then {{ key_columns[0].name | literal }}
        when 'bad_value' then case
          when audit_event_id is null then 'audit_event_id'
          when audit_timestamp is null then 'audit_timestamp'
          {% for column in columns %}
          {{ misfit_as(column, column.name | literal) }}
          {% endfor %}
        end
      end as fault_column,
      case fault
        when 'bad_operation' then audit_operation
        when 'future_time' then cast(audit_timestamp as varchar)
        when 'bad_value' then case
          {% for column in columns %}
          {{ misfit_as(column, text(column)) }}
          {% endfor %}
        end
      end as fault_value,
      row_number() over (partition by audit_event_id, raw_data order by _batch_id) as arrival
    from compared
    where fault is not null
  )
  select * from faulty where arrival = 1
) as event
on kept.tbl_schema = event.tbl_schema and kept.tbl_name = event.tbl_name
  and kept.audit_event_id is not distinct from event.audit_event_id
  and kept.raw_data is not distinct from event.raw_data
when not matched then insert (
  ingested_at, source_file, audit_event_id, audit_operation, audit_timestamp, tbl_schema, tbl_name, raw_data, fields, _batch_id,
  reason, column_name, value, rejected_at
) values (
  event.ingested_at, event.source_file, event.audit_event_id, event.audit_operation, event.audit_timestamp,
  event.tbl_schema, event.tbl_name, event.raw_data, event.fields, event._batch_id,
  event.fault, event.fault_column, event.fault_value, current_timestamp(6)
)
