-- Makes a table of the rows that the log's inserts made, the columns and their types as those of `orders`; nothing logs its changes.
set timezone = 'UTC';
set jit = off;
create table public.present_orders (like public.orders including all);
insert into public.present_orders
select (jsonb_populate_record(null::public.present_orders, raw_data)).*
from public.audit_log_dml
where audit_operation = 'I';
vacuum analyze public.present_orders;
checkpoint;
