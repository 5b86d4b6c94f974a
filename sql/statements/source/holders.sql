-- Finds the session that keeps one of some tables from being read: it has locked the table, or waits to lock it.
select
  space.nspname || '.' || class.relname as table_name,
  lock.pid as pid,
  lock.granted as is_granted,
  session.usename::text as user_name,
  session.application_name as application,
  session.xact_start as since
from pg_locks as lock
join pg_class as class on class.oid = lock.relation
join pg_namespace as space on space.oid = class.relnamespace
left join pg_stat_activity as session on session.pid = lock.pid
where lock.locktype = 'relation' and lock.mode = 'AccessExclusiveLock'
  and lock.database = (select oid from pg_database where datname = current_database())
  and lock.pid is distinct from pg_backend_pid()
  and (space.nspname::text, class.relname::text) in (select * from unnest($1::text[], $2::text[]))
order by lock.granted desc, session.xact_start
limit 1
