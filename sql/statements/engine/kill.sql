-- Ends a statement of an earlier attempt, before the publisher looks for its commit.
call system.runtime.kill_query(query_id => {{ query_id | literal }}, message => 'taken over by a later attempt')
