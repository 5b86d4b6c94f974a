-- Lists the tables and views of some schemas.
select table_schema as schema_name, table_name, table_type = 'VIEW' as is_view
from {{ tables_of }}
where table_schema in ({% for schema in schemas %}{{ schema | literal }}{% if not loop.last %}, {% endif %}{% endfor %})
