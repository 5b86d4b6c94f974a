-- Finds out whether Trino still works on a statement; no row if it does not. Its tasks are asked as well: one may still
-- commit after the statement gave up.
select state
from system.runtime.queries
where query_id = {{ query_id | literal }} and state not in ('FINISHED', 'FAILED')
union all
select state
from system.runtime.tasks
where query_id = {{ query_id | literal }} and state not in ('FINISHED', 'CANCELED', 'ABORTED', 'FAILED')
