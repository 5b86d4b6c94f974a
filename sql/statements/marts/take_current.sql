-- Remakes the current rows from a history that has the same batches, and replaces the table in one commit. Their technical
-- columns are those of the event that began the version.
{% from 'marts/properties.sql' import with_properties %}
{% from 'marts/names.sql' import open_version %}
create or replace table {{ current }}{{ with_properties(current_properties) }} as
select {{ open_version(columns) }}
from {{ history }}
where is_current
