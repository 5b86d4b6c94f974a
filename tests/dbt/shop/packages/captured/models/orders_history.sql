select * from lake.dbt_check_marts.orders_history
