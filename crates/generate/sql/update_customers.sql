-- Updates the first customer at or above each point; what is missing stays as it is. Answers how many, and their highest id.
with target as (
    -- Two points may find the same customer: the later one counts.
    select distinct on (found.customer_id) found.customer_id, change.*
    from rows from (
        jsonb_to_recordset($1) as (point bigint, email text, country text, tags text[], profile jsonb)
    ) with ordinality as change (point, email, country, tags, profile, position)
    cross join lateral (
        select customer_id from {{ schema }}.customers where customer_id >= change.point order by customer_id limit 1
    ) as found
    order by found.customer_id, change.position desc
), updated as (
    update {{ schema }}.customers as existing set
        email = coalesce(target.email, existing.email),
        country = coalesce(target.country, existing.country),
        tags = coalesce(target.tags, existing.tags),
        profile = coalesce(target.profile, existing.profile),
        updated_at = now()
    from target
    where existing.customer_id = target.customer_id
    returning existing.customer_id
)
select count(*) as rows, max(customer_id) as highest_id from updated
