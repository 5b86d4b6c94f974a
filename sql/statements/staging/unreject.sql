-- Deletes the rejects of the batches whose events are in the typed log: an earlier attempt judged them by other rules.
{% from 'marts/names.sql' import sliced %}
delete from {{ rejects }}
where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}
  and tbl_schema = {{ from.schema | literal }} and tbl_name = {{ from.name | literal }}
  and reason <> 'id_reuse'
  {% if slice %}
  and {{ sliced([{'name': 'audit_event_id', 'kind': 'integer'}], slice) }}
  {% endif %}
  and audit_event_id in (
    select _event_id from {{ staging }} where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}
    {% if slice %}
      and {{ sliced([{'name': '_event_id', 'kind': 'integer'}], slice) }}
    {% endif %}
  )
