-- Deletes the rows that a refresh kept beside a model's table: how its rows changed, or which of them failed a test.
delete from {{ table }}
