-- Reads in the snapshot that another session exported; of a table that somebody waits to lock it lets go soon, because that session has it.
begin transaction isolation level repeatable read read only;
set transaction snapshot {{ snapshot | literal }};
set local time zone 'UTC';
set local datestyle = 'ISO';
set local row_security = off;
set local statement_timeout = 0;
set local idle_in_transaction_session_timeout = 0;
set local lock_timeout = '1s';
