-- Inserts orders in the order given. Answers how many, and the highest id they got.
with inserted as (
    insert into {{ schema }}.orders (
        customer_id, status, order_sum, discount, quantity, weight_kg, express, description, attributes, ordered_on, order_timestamp
    )
    select
        customer_id, status, order_sum, discount, quantity, weight_kg, express, description, attributes,
        (order_timestamp at time zone 'UTC')::date, order_timestamp
    from jsonb_populate_recordset(null::{{ schema }}.orders, $1)
    returning order_id
)
select count(*) as rows, max(order_id) as highest_id from inserted
