-- The table whose log is measured. It stays empty: only its columns and their types are asked for.
create table public.orders (
  order_id bigint primary key,
  customer_id bigint not null,
  status text not null,
  order_sum numeric(18, 2) not null,
  description text,
  order_timestamp timestamptz not null
);
