-- Rewrites the files of a table that have deleted rows; the others stay as they are.
alter table {{ table }} execute optimize(file_size_threshold => '1B')
