-- Answers the lowest and highest id of customers and of orders; nulls where there are none.
select
    (select min(customer_id) from {{ schema }}.customers),
    (select max(customer_id) from {{ schema }}.customers),
    (select min(order_id) from {{ schema }}.orders),
    (select max(order_id) from {{ schema }}.orders)
