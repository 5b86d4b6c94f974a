-- Reads the snapshot that the batch is read in, the highest transaction id that it may hold, and the time.
select
  pg_current_snapshot()::text as snapshot,
  pg_snapshot_xmax(pg_current_snapshot())::text::bigint as highest,
  clock_timestamp() as taken_at
