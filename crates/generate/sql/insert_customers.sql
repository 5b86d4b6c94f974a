-- Inserts customers in the order given. Answers how many, and the highest id they got.
with inserted as (
    insert into {{ schema }}.customers (name, email, country, tags, created_at, profile)
    select name, email, country, tags, created_at, profile
    from jsonb_populate_recordset(null::{{ schema }}.customers, $1)
    returning customer_id
)
select count(*) as rows, max(customer_id) as highest_id from inserted
