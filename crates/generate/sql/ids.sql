-- Answers the lowest and highest id of customers and of orders; nulls where there are none.
select
    (select min(customer_id) from {{ schema }}.customers) as lowest_customer,
    (select max(customer_id) from {{ schema }}.customers) as highest_customer,
    (select min(order_id) from {{ schema }}.orders) as lowest_order,
    (select max(order_id) from {{ schema }}.orders) as highest_order
