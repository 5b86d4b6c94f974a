-- Tells whether Trino still works on a statement.
select state from system.runtime.queries
where query_id = {{ query_id | literal }} and state not in ('FINISHED', 'FAILED')
