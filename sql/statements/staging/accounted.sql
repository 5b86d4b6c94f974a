-- Counts the events of the batches where they are: in the landing table, in the log, among the rejects.
select
  (
    select count(*) from {{ landing }}
    where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}
      and tbl_schema = {{ from.schema | literal }} and tbl_name = {{ from.table | literal }}
  ),
  (select count(*) from {{ staging }} where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}),
  (
    select count(*) from {{ rejects }}
    where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}
      and tbl_schema = {{ from.schema | literal }} and tbl_name = {{ from.table | literal }}
  )
