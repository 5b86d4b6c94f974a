-- Deletes all events of a source table from the landing table, or from the rejects.
delete from {{ table }}
where tbl_schema = {{ from.schema | literal }} and tbl_name = {{ from.name | literal }}
