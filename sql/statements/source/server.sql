-- Tells what the cursor must know of the server and the table: asked before the snapshot is taken.
select
  clock_timestamp(),
  (select min(xact_start) from pg_stat_activity where backend_xid is not null and datname = current_database() and pid <> pg_backend_pid()),
  (select pid from pg_stat_activity where backend_xid is not null and datname = current_database() and pid <> pg_backend_pid() order by xact_start limit 1),
  exists (select from pg_prepared_xacts where database = current_database()),
  pg_is_in_recovery(),
  (select system_identifier::text from pg_control_system()),
  (select timeline_id from pg_control_checkpoint()),
  (select min(xact_start) from pg_stat_activity where backend_type <> 'autovacuum worker' and datname = current_database() and pid <> pg_backend_pid()),
  pg_has_role('pg_read_all_stats', 'usage')
