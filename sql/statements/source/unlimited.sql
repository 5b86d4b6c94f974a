-- Lifts the limit on the time of a session's statements, because one statement reads a batch.
set statement_timeout = 0
