-- Remakes the current rows from a history that has the same batches, and replaces the table in one commit. Their technical
-- columns are those of the event that began the version.
{% from 'marts/names.sql' import open_version %}
create or replace table {{ current }} as
select {{ open_version(columns) }}
from {{ history }}
where is_current
