select * from lake.dbt_check_marts.order_items
