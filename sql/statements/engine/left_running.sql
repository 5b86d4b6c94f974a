-- Finds what earlier attempts of a run still have Trino do, by the name that each statement carries: run, step, attempt.
select query_id
from system.runtime.queries
where source like {{ run | literal }} and try_cast(element_at(split(source, '/'), -1) as integer) < {{ attempt }} and state not in ('FINISHED', 'FAILED')
