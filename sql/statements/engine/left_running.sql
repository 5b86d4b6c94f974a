-- Finds the statements of a run's earlier attempts that Trino still works on.
-- Each statement carries the source name icefront/<run>/<step>/<attempt>.
select query_id
from system.runtime.queries
where source like {{ run | literal }}
  and try_cast(element_at(split(source, '/'), -1) as integer) < {{ attempt }}
  and state not in ('FINISHED', 'FAILED')
