-- Lists the statements that made the snapshots of a table, as far as Trino noted them.
select distinct element_at(summary, 'trino_query_id') as query_id
from {{ snapshots }}
where element_at(summary, 'trino_query_id') is not null
