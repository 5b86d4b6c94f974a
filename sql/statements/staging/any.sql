-- Finds one event in the typed log; no row where it is empty.
select 1 from {{ staging }} limit 1
