-- Reads in the snapshot that another session exported. If another session waits to lock a table, this one soon gives
-- up, because the exporting session has locked it already.
begin transaction isolation level repeatable read read only;
set transaction snapshot {{ snapshot | literal }};
set local time zone 'UTC';
set local datestyle = 'ISO';
set local row_security = off;
set local statement_timeout = 0;
set local idle_in_transaction_session_timeout = 0;
set local lock_timeout = '1s';
