{{ config(unique_key=['email_domain', 'country']) }}
select distinct email_domain, country
from {{ ref('stg_customers') }}
where email_domain is not null
