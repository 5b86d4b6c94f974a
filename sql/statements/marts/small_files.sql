-- Lists data files of a table that are smaller than what `optimize` makes of them.
select file_path as path, file_size_in_bytes as bytes
from {{ files }}
where content = 0 and file_size_in_bytes < 33554432
limit {{ limit }}
