-- Finds one event in the log, if there is any.
select 1 from {{ staging }} limit 1
