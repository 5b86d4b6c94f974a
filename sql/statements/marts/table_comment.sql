-- Reads the comment that a table has.
select comment
from system.metadata.table_comments
where catalog_name = {{ catalog | literal }}
  and schema_name = {{ schema | literal }}
  and table_name = {{ table | literal }}
