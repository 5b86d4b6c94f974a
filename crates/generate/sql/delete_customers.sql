-- Deletes the first customer at or above each point. Answers how many, and their highest id.
with target as (
    select distinct found.customer_id
    from jsonb_to_recordset($1) as points (point bigint)
    cross join lateral (
        select customer_id from {{ schema }}.customers where customer_id >= points.point order by customer_id limit 1
    ) as found
), deleted as (
    delete from {{ schema }}.customers as existing using target
    where existing.customer_id = target.customer_id
    returning existing.customer_id
)
select count(*) as rows, max(customer_id) as highest_id from deleted
