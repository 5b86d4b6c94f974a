-- Tells of a logged table which of its triggers writes to the log, and which other one fires before it for the same rows.
with fired as (
  select
    trigger.tgname,
    strpos(routine.prosrc, $2) > 0 as is_log
  from pg_trigger as trigger
  join pg_proc as routine on routine.oid = trigger.tgfoid
  where trigger.tgrelid = to_regclass($1) and not trigger.tgisinternal and trigger.tgenabled <> 'D'
    -- After each row.
    and trigger.tgtype & 1 = 1 and trigger.tgtype & 2 = 0
)
select
  (select min(tgname::text collate "C") from fired where is_log),
  (select min(tgname::text collate "C") from fired where not is_log and tgname::text collate "C" < (select min(tgname::text collate "C") from fired where is_log)),
  to_regclass($1) is not null
