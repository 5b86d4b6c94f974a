-- Changes one of `every` rows of the table, those whose id leaves the same `rest`: as far from each other as can be.
update public.present_orders
set order_sum = order_sum + 1, order_timestamp = clock_timestamp()
where order_id % :every = :rest;
