-- Deletes the files in a table's folder that are older than this and belong to no snapshot: those of statements that failed.
alter table {{ table }} execute remove_orphan_files(retention_threshold => {{ kept | literal }})
