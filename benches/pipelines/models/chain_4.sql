{{ config(materialized='incremental', unique_key='segment', tags='chain') }}
select segment, customers, revenue from {{ ref('chain_3') }} where customers > 1
