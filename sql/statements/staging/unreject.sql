-- Deletes the rejects of the batches whose events are in the typed log: an earlier attempt judged them by other rules.
delete from {{ rejects }}
where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}
  and tbl_schema = {{ from.schema | literal }} and tbl_name = {{ from.name | literal }}
  and reason <> 'id_reuse'
  and audit_event_id in (
    select _event_id from {{ staging }} where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}
  )
