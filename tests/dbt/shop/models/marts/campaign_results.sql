{{ config(unique_key='campaign_id') }}
-- Orders of the campaign's country while it lasted.
select
  m.campaign_id,
  m.campaign_name,
  m.days,
  m.budget,
  count(o.order_id) as orders,
  coalesce(sum(o.net_amount), 0) as revenue,
  {{ dbt_utils.safe_divide('coalesce(sum(o.net_amount), 0)', 'm.budget') }} as revenue_per_budget
from {{ ref('stg_campaigns') }} m
left join {{ ref('fct_orders') }} o on o.country = m.country and o.ordered_on between m.starts_on and m.ends_on
group by m.campaign_id, m.campaign_name, m.days, m.budget
