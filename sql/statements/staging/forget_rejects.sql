-- Deletes all rejects of a table up to a batch, before everything that landed is judged again.
delete from {{ rejects }}
where tbl_schema = {{ from.schema | literal }} and tbl_name = {{ from.name | literal }}
  and _batch_id <= {{ upto_batch }}
