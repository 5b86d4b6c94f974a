select
  campaign_id,
  {{ dbt.concat(["campaign_name", "' / '", "country"]) }} as campaign_name,
  country,
  starts_on,
  ends_on,
  {{ dbt.datediff('starts_on', 'ends_on', 'day') }} + 1 as days,
  budget
from {{ source('marketing', 'campaigns') }}
