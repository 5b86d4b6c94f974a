-- Inserts orders in the order given. Answers how many, and the highest id they got.
with inserted as (
    insert into {{ schema }}.orders (
        customer_id, status, order_sum, discount, quantity, weight_kg, express, description, attributes, ordered_on, order_timestamp
    )
    -- Exact numbers come as their text, so that no binary fraction is ever between.
    select
        customer_id, status, order_sum::numeric, discount::numeric, quantity, weight_kg, express, description, attributes,
        (order_timestamp at time zone 'UTC')::date, order_timestamp
    from unnest(
        $1::bigint[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::double precision[], $7::boolean[], $8::text[],
        $9::jsonb[], $10::timestamptz[]
    ) as new (customer_id, status, order_sum, discount, quantity, weight_kg, express, description, attributes, order_timestamp)
    returning order_id
)
select count(*) as rows, max(order_id) as highest_id from inserted
