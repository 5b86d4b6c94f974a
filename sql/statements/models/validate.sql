-- Asks whether Trino takes the query of a model; runs nothing.
explain (type validate)
{{ sql | expression }}
