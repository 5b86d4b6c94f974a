-- Tells whether Trino still works on a statement: its state, and that of its tasks, which may still commit what the statement gave up.
select state from system.runtime.queries
where query_id = {{ query_id | literal }} and state not in ('FINISHED', 'FAILED')
union all
select state from system.runtime.tasks
where query_id = {{ query_id | literal }} and state not in ('FINISHED', 'CANCELED', 'ABORTED', 'FAILED')
