-- Reads rows that failed a test of a run.
select * from {{ table }} for version as of {{ snapshot }} limit {{ limit }}
