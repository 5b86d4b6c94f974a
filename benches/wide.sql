-- Fills the log with `events` updates of 200 columns: the values of a row are those of one of 97 that are made beforehand.
set timezone = 'UTC';
set jit = off;
with made as (
  select variant, jsonb_object_agg('column_' || n, md5(variant || '/' || n)) as content
  from generate_series(0, 96) as variant
  cross join generate_series(1, 200) as n
  group by variant
)
insert into public.audit_log_dml (audit_event_id, audit_operation, audit_timestamp, tbl_schema, tbl_name, raw_data)
select n, 'U', now() - interval '1 day', 'public', 'orders', content || jsonb_build_object('order_id', n)
from generate_series(1, :events::bigint) as n
join made on variant = n % 97;
select setval(pg_get_serial_sequence('public.audit_log_dml', 'audit_event_id'), :events);
vacuum analyze public.audit_log_dml;
checkpoint;
