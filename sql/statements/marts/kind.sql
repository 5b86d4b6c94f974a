-- Says whether a name is a table or a view; no row if it is neither.
select table_type
from {{ tables_of }}
where table_schema = {{ schema | literal }} and table_name = {{ table | literal }}
