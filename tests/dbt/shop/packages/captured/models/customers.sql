select * from lake.dbt_check_marts.customers
