-- Lists rejects of one pipeline, newest batch first.
{% from 'staging/reject_id.sql' import reject_id %}
select
  _id, tbl_schema, tbl_name, audit_event_id, audit_operation, cast(audit_timestamp as varchar) as occurred_at,
  raw_data, _batch_id, reason, column_name, value, cast(rejected_at as varchar) as rejected_at
from (
  select *, {{ reject_id() }} as _id
  from {{ rejects }}
  {% if tables %}
  where
    {% for table in tables %}
    {% if not loop.first %}or {% endif %}
    (tbl_schema = {{ table.schema | literal }} and tbl_name = {{ table.name | literal }})
    {% endfor %}
  {% endif %}
)
where true
  {% if reason %}
  and reason = {{ reason | literal }}
  {% endif %}
  {% if before %}
  and (_batch_id < {{ before.batch }} or _batch_id = {{ before.batch }} and _id > {{ before.id | literal }})
  {% endif %}
order by _batch_id desc, _id
limit {{ limit }}
