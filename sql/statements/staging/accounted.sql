-- Counts where the events of the batches ended: in the log, or among the rejects.
select
  (select count(*) from {{ staging }} where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}),
  (
    select count(*) from {{ rejects }}
    where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}
      and tbl_schema = {{ from.schema | literal }} and tbl_name = {{ from.table | literal }}
  )
