-- What people do to rows that were there before.
update payments set state = 'refunded' where payment_id % 40 = 0 and state = 'settled';
delete from payments where payment_id % 97 = 0;
update order_items set quantity = quantity + 1 where order_id % 50 = 1;
update order_items set product_id = 13 where order_id % 70 = 3;
delete from order_items where order_id % 60 = 2;
update orders set customer_id = (select max(customer_id) from customers) where order_id % 80 = 5;
