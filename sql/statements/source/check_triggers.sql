-- Finds the trigger of a table that writes to the log, and the other trigger that fires before it for the same rows.
with logged as (
  -- The catalogue finds the table by its names, which needs no right.
  select class.oid
  from pg_class as class
  join pg_namespace as space on space.oid = class.relnamespace
  where array[space.nspname::text, class.relname::text] = parse_ident($1)
),
fired as (
  select
    trigger.tgname,
    strpos(routine.prosrc, $2) > 0 as is_log
  from pg_trigger as trigger
  join pg_proc as routine on routine.oid = trigger.tgfoid
  where trigger.tgrelid in (select oid from logged) and not trigger.tgisinternal and trigger.tgenabled <> 'D'
    -- After each row.
    and trigger.tgtype & 1 = 1 and trigger.tgtype & 2 = 0
)
select
  (select min(tgname::text collate "C") from fired where is_log) as log_trigger,
  (
    select min(tgname::text collate "C") from fired
    where not is_log
      and tgname::text collate "C" < (select min(tgname::text collate "C") from fired where is_log)
  ) as earlier_trigger
