-- Fills the log with `events` inserts, spread evenly over `tables` tables: `orders`, which the pipeline has, and others.
set timezone = 'UTC';
set jit = off;
insert into public.audit_log_dml (audit_event_id, audit_operation, audit_timestamp, tbl_schema, tbl_name, raw_data)
select n, 'I', now() - interval '1 day', 'public', case n % :tables when 0 then 'orders' else 'table_' || n % :tables end,
  jsonb_build_object('order_id', n, 'customer_id', n % 100000, 'status', 'paid', 'order_sum', n % 5000, 'description', md5(n::text) || md5((n + 1)::text))
from generate_series(1, :events::bigint) as n;
select setval(pg_get_serial_sequence('public.audit_log_dml', 'audit_event_id'), :events);
vacuum analyze public.audit_log_dml;
checkpoint;
