-- The tables of the shop that the generator does not make.
create table order_items (
  order_id bigint not null,
  line_no integer not null,
  product_id bigint not null,
  quantity integer not null,
  unit_price numeric(10,2) not null,
  primary key (order_id, line_no)
);

create table payments (
  payment_id bigint primary key,
  order_id bigint not null,
  method text not null,
  state text not null,
  amount numeric(18,2) not null,
  paid_at timestamptz not null
);

create table products (
  product_id bigint primary key,
  product_name text not null,
  category text,
  list_price numeric(10,2) not null,
  launched_on date not null
);

create table countries (
  country text primary key,
  country_name text not null,
  region text not null,
  is_eu boolean not null
);
