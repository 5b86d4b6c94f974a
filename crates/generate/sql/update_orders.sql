-- Updates the first order at or above each point; what is missing stays as it is, and a description only without `described`.
-- Answers how many, and their highest id.
with target as (
    -- Two points may find the same order: the later one counts.
    select distinct on (found.order_id) found.order_id, change.*
    from rows from (
        jsonb_to_recordset($1) as (
            point bigint, status text, order_sum numeric, quantity integer, attributes jsonb, described boolean, description text
        )
    ) with ordinality as change (point, status, order_sum, quantity, attributes, described, description, position)
    cross join lateral (
        select order_id from {{ schema }}.orders where order_id >= change.point order by order_id limit 1
    ) as found
    order by found.order_id, change.position desc
), updated as (
    update {{ schema }}.orders as existing set
        status = coalesce(target.status, existing.status),
        order_sum = coalesce(target.order_sum, existing.order_sum),
        quantity = coalesce(target.quantity, existing.quantity),
        attributes = coalesce(target.attributes, existing.attributes),
        description = case when target.described then target.description else existing.description end,
        -- An update that changes nothing stays one, down to the last column: readers must know that case too.
        updated_at = case
            when coalesce(target.status, target.order_sum::text, target.quantity::text, target.attributes::text) is null
                and target.described is not true
                then existing.updated_at
            else now()
        end
    from target
    where existing.order_id = target.order_id
    returning existing.order_id
)
select count(*) as rows, max(order_id) as highest_id from updated
