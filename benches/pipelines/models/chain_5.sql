{{ config(materialized='incremental', unique_key='part', tags='chain') }}
select segment % 10 as part, sum(customers) as customers, sum(revenue) as revenue from {{ ref('chain_4') }} group by 1
