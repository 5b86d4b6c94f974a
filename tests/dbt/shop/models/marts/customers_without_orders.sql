{{ config(unique_key='customer_id') }}
select c.customer_id, c.country, c.created_on
from {{ ref('stg_customers') }} c
where not exists (select 1 from {{ ref('stg_orders') }} o where o.customer_id = c.customer_id)
