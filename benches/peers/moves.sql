-- Deletes one half of the `events` orders from `from` on and moves the other half by an hour, behind all events that the log has.
--
-- | variable | what                                       |
-- |----------|--------------------------------------------|
-- | events   | how many                                   |
-- | from     | the first order                            |
-- | began    | the time of event 0, in seconds since 1970 |
set timezone = 'UTC';

insert into public.audit_log_dml (audit_event_id, audit_operation, audit_timestamp, tbl_schema, tbl_name, raw_data)
select
  last.id + n,
  (array['U', 'D'])[1 + n % 2],
  to_timestamp(:began) + (last.id + n) * interval '250 milliseconds',
  'public',
  'orders',
  jsonb_build_object(
    'order_id', key,
    'customer_id', 1 + (key * 7919) % 100000,
    'status', 'moved',
    'order_sum', (n % 100000)::numeric / 100,
    'description', format('lot %s', n),
    'order_timestamp', to_timestamp(:began) - interval '23 hours' + key * interval '0.2 seconds'
  )
from (select max(audit_event_id) as id from public.audit_log_dml) as last
cross join generate_series(1, :events::bigint) as n
cross join lateral (select :from + n - 1 as key) as keyed;
