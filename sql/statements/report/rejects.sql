-- Lists rejects of one pipeline, newest batch first.
{% from 'staging/reject_id.sql' import reject_id %}
select
  _id, tbl_schema, tbl_name, audit_event_id, audit_operation, cast(audit_timestamp as varchar) as occurred_at,
  substr(raw_data, 1, {{ longest_data }}) as raw_data, _batch_id, reason, column_name, value, cast(rejected_at as varchar) as rejected_at
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
  {% if reasons %}
  and reason in ({% for reason in reasons %}{{ reason | literal }}{% if not loop.last %}, {% endif %}{% endfor %})
  {% endif %}
  {% if column %}
  and column_name = {{ column | literal }}
  {% endif %}
  {% if batch is not none %}
  and _batch_id = {{ batch }}
  {% endif %}
  {% if operations %}
  and audit_operation in ({% for operation in operations %}{{ operation | literal }}{% if not loop.last %}, {% endif %}{% endfor %})
  {% endif %}
  {% if after %}
  and (_batch_id < {{ after.batch }} or _batch_id = {{ after.batch }} and _id > {{ after.id | literal }})
  {% endif %}
order by _batch_id desc, _id
limit {{ limit }}
