-- Finds one event in the typed log; no row if it is empty.
select 1 from {{ staging }} limit 1
