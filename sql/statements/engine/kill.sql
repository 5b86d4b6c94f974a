-- Ends a statement of an earlier try, before it is asked what it did.
call system.runtime.kill_query(query_id => {{ query_id | literal }}, message => 'taken over by a later try')
