-- Counts what the landing table has of a batch: its files, and one row where files were rewritten since. 0 is nothing.
select
  (select count(*) from {{ files }} where starts_with(file_path, {{ location | literal }}))
  + (select count(*) from (select 1 from {{ landing }} where _batch_id = {{ batch }} limit 1)) as landed
