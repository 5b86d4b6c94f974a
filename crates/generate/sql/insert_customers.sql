-- Inserts customers in the order given. Answers how many, and the highest id they got.
with inserted as (
    insert into {{ schema }}.customers (name, email, country, tags, created_at, profile)
    -- Lists of lists of unequal length do not exist in Postgres: tags come as one text each.
    select name, email, country, string_to_array(tags, ','), created_at, profile
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[])
        as new (name, email, country, tags, created_at, profile)
    returning customer_id
)
select count(*) as rows, max(customer_id) as highest_id from inserted
