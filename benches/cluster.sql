-- Appends `events` updates of the orders from `from` on, `orders` of them, behind all events that the log has.
--
-- | variable | what                                  |
-- |----------|---------------------------------------|
-- | events   | how many                              |
-- | from     | the first order                       |
-- | orders   | how many orders are updated           |
-- | began    | the time of event 0, in seconds since 1970 |
set timezone = 'UTC';

insert into public.audit_log_dml (audit_event_id, audit_operation, audit_timestamp, tbl_schema, tbl_name, raw_data)
select
  last.id + n,
  'U',
  to_timestamp(:began) + (last.id + n) * interval '250 milliseconds',
  'public',
  'orders',
  jsonb_build_object(
    'order_id', key,
    'customer_id', 1 + (key * 7919) % 100000,
    'status', (array['new', 'paid', 'packed', 'shipped'])[1 + n % 4],
    'order_sum', (n % 100000)::numeric / 100,
    'description', format('lot %s', n),
    'order_timestamp', to_timestamp(:began) - interval '1 day' + key * interval '0.2 seconds'
  )
from (select max(audit_event_id) as id from public.audit_log_dml) as last
cross join generate_series(1, :events::bigint) as n
cross join lateral (select :from + n % :orders as key) as keyed;
