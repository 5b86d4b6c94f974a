-- Fills the log with `events` inserts of small rows of a table that no pipeline has: only their number counts.
set timezone = 'UTC';
set jit = off;
insert into public.audit_log_dml (audit_event_id, audit_operation, audit_timestamp, tbl_schema, tbl_name, raw_data)
select n, 'I', now() - interval '1 day', 'public', 'visits', jsonb_build_object('order_id', n)
from generate_series(1, :events::bigint) as n;
select setval(pg_get_serial_sequence('public.audit_log_dml', 'audit_event_id'), :events);
vacuum analyze public.audit_log_dml;
checkpoint;
