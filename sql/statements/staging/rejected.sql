-- Counts the rejects of a table, and finds the first batch that has one.
select count(*), min(_batch_id)
from {{ rejects }}
where tbl_schema = {{ from.schema | literal }} and tbl_name = {{ from.table | literal }}
