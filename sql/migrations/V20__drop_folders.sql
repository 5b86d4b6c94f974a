-- Folders of many files are listed by turns: unread files are looked up by the names that a turn lists.

create index files_unread_by_path on icefront.files (pipeline, path collate "C") where state <> 'landed';
