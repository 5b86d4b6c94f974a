-- Makes the current rows a view of the history.
{% from 'marts/names.sql' import open_version %}
create or replace view {{ current }} as
select {{ open_version(columns) }}
from {{ history }}
where is_current
