-- Finds one row of a table; no row if it is empty.
select 1 from {{ table }} limit 1
