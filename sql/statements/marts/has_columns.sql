-- Counts which of some columns a table has.
select count(*) as found
from {{ columns_of }}
where table_schema = {{ schema | literal }} and table_name = {{ table | literal }}
  and column_name in ({% for column in columns %}{{ column | literal }}{% if not loop.last %}, {% endif %}{% endfor %})
