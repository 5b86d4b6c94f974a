-- Tells whether a batch is in the landing table, by its files or, when they were rewritten since, by its rows.
select
  (select count(*) from {{ files }} where starts_with(file_path, {{ location | literal }}))
  + (select count(*) from (select 1 from {{ landing }} where _batch_id = {{ batch }} limit 1))
