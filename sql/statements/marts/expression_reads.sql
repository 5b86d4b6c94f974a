-- Tests rows by the condition of a declared test: shows which tables the condition reads.
select 1 from {{ staging }} where coalesce(
{{ expression | expression }}
, true) = false
