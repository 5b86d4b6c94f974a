-- Expires the snapshots of a table that are older than this, and deletes the files that only they had. The one that it has now stays.
alter table {{ table }} execute expire_snapshots(retention_threshold => {{ kept | literal }})
