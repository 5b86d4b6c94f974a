select
  customer_id,
  name as customer_name,
  lower(email) as email,
  {{ dbt.split_part('email', "'@'", 2) }} as email_domain,
  country,
  {{ dbt.safe_cast("json_extract_scalar(profile, '$.points')", dbt.type_int()) }} as points,
  {{ dbt.cast('created_at', 'date') }} as created_on
from {{ ref('customers') }}
