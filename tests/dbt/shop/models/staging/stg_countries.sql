select country, country_name, region, is_eu
from {{ ref('countries') }}
