-- Lets other sessions read in the snapshot of this one, for as long as it lasts.
select pg_export_snapshot() as snapshot
