-- Asks whether Trino can read the condition of a declared test; runs nothing.
explain (type validate)
select 1 from {{ staging }} where coalesce(
{{ expression | expression }}
, true) = false
