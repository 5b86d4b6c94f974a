-- Counts the open versions of a history, as it is or as it was.
select count(*) as rows
from {{ history }}{% if version %} for version as of {{ version }}{% endif %}

where is_current
