-- Lists the columns that a table has, with their types and comments.
select column_name, data_type, comment
from {{ columns_of }}
where table_schema = {{ schema | literal }} and table_name = {{ table | literal }}
