-- Rewrites a table's small files, and those with deleted rows, as a few; the rows stay as they are.
alter table {{ table }} execute optimize(file_size_threshold => '32MB')
