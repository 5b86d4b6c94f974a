-- Asks whether a test's condition can be read.
explain (type validate)
select 1 from {{ staging }} where coalesce(
{{ expression | expression }}
, true) = false
