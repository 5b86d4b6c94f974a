select
  c.day,
  c.is_weekend,
  coalesce(r.orders, 0) as orders,
  coalesce(r.revenue, 0) as revenue,
  sum(coalesce(r.revenue, 0)) over week as revenue_of_week,
  sum(coalesce(r.revenue, 0)) over (partition by c.month order by c.day) as revenue_of_month_so_far
from {{ ref('int_calendar') }} c
left join {{ ref('daily_revenue') }} r on r.ordered_on = c.day
window week as (order by c.day rows between 6 preceding and current row)
