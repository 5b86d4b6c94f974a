{{ config(materialized='table') }}
with days as (
  {{ dbt_utils.date_spine(datepart='day', start_date="date '" ~ var('first_day') ~ "'", end_date="date '" ~ var('last_day') ~ "'") }}
)

select
  cast(date_day as date) as day,
  cast({{ dbt.date_trunc('week', 'date_day') }} as date) as week,
  cast({{ dbt.date_trunc('month', 'date_day') }} as date) as month,
  day_of_week(date_day) in (6, 7) as is_weekend
from days
