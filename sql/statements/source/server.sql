-- Reads what a cursor must know of the server and its open transactions. It runs before the snapshot is taken.
with replayed as (
  -- A standby sees nothing newer than this, and not when the primary's transactions began. Its receiver knows how far
  -- the primary was, and when.
  select case when pg_is_in_recovery() then greatest(
    (select checkpoint_time from pg_control_checkpoint()),
    pg_last_xact_replay_timestamp(),
    (select last_msg_send_time from pg_stat_wal_receiver where latest_end_lsn <= pg_last_wal_replay_lsn())
  ) end as upto
)
select
  clock_timestamp() as now,
  least(
    (select upto from replayed),
    (
      select min(xact_start) from pg_stat_activity
      where backend_xid is not null and datname = current_database() and pid <> pg_backend_pid()
    )
  ) as writing_since,
  (
    select pid from pg_stat_activity
    where backend_xid is not null and datname = current_database() and pid <> pg_backend_pid()
    order by xact_start limit 1
  ) as writing_pid,
  (select gid from pg_prepared_xacts where database = current_database() order by prepared limit 1) as prepared_gid,
  pg_is_in_recovery() as in_recovery,
  (select system_identifier::text from pg_control_system()) as system_identifier,
  -- The control file learns of a promotion with the checkpoint after it, which may take minutes.
  case when pg_is_in_recovery()
    then greatest(
      (select timeline_id from pg_control_checkpoint()),
      (select min_recovery_end_timeline from pg_control_recovery()),
      (select received_tli from pg_stat_wal_receiver)
    )
    else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
  end as timeline,
  least(
    (select upto from replayed),
    (
      select min(xact_start) from pg_stat_activity
      where backend_type <> 'autovacuum worker' and datname = current_database() and pid <> pg_backend_pid()
    )
  ) as open_since,
  pg_has_role('pg_read_all_stats', 'usage') as sees_all,
  (
    select pid from pg_stat_activity
    where xact_start is not null and backend_type <> 'autovacuum worker'
      and datname = current_database() and pid <> pg_backend_pid()
    order by xact_start limit 1
  ) as open_pid,
  (select min(prepared) from pg_prepared_xacts where database = current_database()) as prepared_at
