-- Lists the data files that only older snapshots of the landing table need.
select data_file.file_path as path from {{ all_entries }}
except
select file_path from {{ files }}
