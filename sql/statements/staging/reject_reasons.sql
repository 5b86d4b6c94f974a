-- Counts a table's rejects of the new batches by reason, the most frequent first.
select reason, count(*) as rejects from {{ rejects }}
where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}
  and tbl_schema = {{ from.schema | literal }} and tbl_name = {{ from.name | literal }}
group by reason
order by rejects desc, reason
