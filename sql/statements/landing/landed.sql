-- Counts the files of a batch in the landing table, and one row if it has any: files may have been rewritten.
-- 0 if the batch is not in the table.
select
  (select count(*) from {{ files }} where starts_with(file_path, {{ location | literal }}))
  + (select count(*) from (select 1 from {{ landing }} where _batch_id = {{ batch }} limit 1)) as landed
