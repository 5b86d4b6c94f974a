-- Finds what earlier attempts of a run still have Trino do, by the name that each statement carries.
select query_id
from system.runtime.queries
where source like {{ run | literal }} and source not like {{ attempt | literal }} and state not in ('FINISHED', 'FAILED')
