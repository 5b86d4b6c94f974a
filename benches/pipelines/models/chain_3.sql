{{ config(materialized='incremental', unique_key='segment', tags='chain') }}
select customer_id % 100 as segment, count(*) as customers, sum(revenue) as revenue from {{ ref('chain_2') }} group by 1
