-- Tells the snapshot that the batch is read in, and the highest transaction id that it may hold.
select pg_current_snapshot()::text, pg_snapshot_xmax(pg_current_snapshot())::text::bigint
