-- Tells who keeps some tables, by their schemas and names, from being read: who has them locked, else who waits to lock them behind others.
select
  space.nspname || '.' || class.relname,
  lock.pid,
  lock.granted,
  session.usename::text,
  session.application_name,
  session.xact_start
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
