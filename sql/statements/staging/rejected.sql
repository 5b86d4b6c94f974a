-- Counts the rejects of a table that somebody may repair, and finds the first batch that has one. Nobody can repair a forgotten event.
select count(*) as rejects, min(_batch_id) as first_batch
from {{ rejects }}
where tbl_schema = {{ from.schema | literal }} and tbl_name = {{ from.name | literal }}
  and reason <> 'forgotten'
