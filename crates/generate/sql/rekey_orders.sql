-- Gives the first order at or above each point a new id. Answers how many, and the highest new id.
with target as (
    select distinct found.order_id
    from jsonb_to_recordset($1) as points (point bigint)
    cross join lateral (
        select order_id from {{ schema }}.orders where order_id >= points.point order by order_id limit 1
    ) as found
), rekeyed as (
    update {{ schema }}.orders as existing set order_id = default, updated_at = now()
    from target
    where existing.order_id = target.order_id
    returning existing.order_id
)
select count(*) as rows, max(order_id) as highest_id from rekeyed
