-- Gives the generator's new orders a day within half a year, lines and payments.
update orders set
  ordered_on = date '2025-01-01' + (order_id * 37 % 181)::integer,
  order_timestamp = (date '2025-01-01' + (order_id * 37 % 181)::integer + order_id * 7919 % 86400 * interval '1 second') at time zone 'UTC'
where ordered_on <> date '2025-01-01' + (order_id * 37 % 181)::integer;

-- Some orders have no lines, and some lines have a product that is not in the list.
insert into order_items
select order_id, line_no, 1 + (order_id * 7 + line_no * 5) % 15, 1 + (order_id + line_no) % 4, (100 + (order_id * 13 + line_no * 101) % 9000) / 100.0
from orders
cross join lateral generate_series(1, 1 + order_id % 3) as line_no
where order_id % 20 <> 0 and not exists (select 1 from order_items where order_items.order_id = orders.order_id);

insert into payments
select
  order_id * 2 + part,
  order_id,
  (array['card', 'transfer', 'voucher'])[1 + (order_id + part) % 3],
  case when order_id % 17 = 0 then 'failed' when (order_id + part) % 23 = 0 then 'refunded' else 'settled' end,
  round(order_sum / (1 + order_id % 2), 2),
  order_timestamp + order_id % 90 * interval '1 hour'
from orders
cross join lateral generate_series(0, order_id % 2) as part
where order_id % 7 <> 0 and not exists (select 1 from payments where payments.order_id = orders.order_id);
