-- What the tables of pipeline {{ pipeline | expression }} need. Have it run by the owner of the tables, in the database of connection {{ connection | expression }}:
--     psql -v ON_ERROR_STOP=1 -f {{ file | expression }} …
-- Harmless to repeat.

-- A statement that waits longer for a table than this gives up, so that no writer waits behind it for long. Then run it again.
set lock_timeout = '5s';
