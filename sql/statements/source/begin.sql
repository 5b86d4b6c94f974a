-- Begins the one snapshot that a batch is read in. With row_security off, the server refuses a table of which a policy
-- hides rows: hidden rows would count as deleted.
begin transaction isolation level repeatable read read only;
set local time zone 'UTC';
set local datestyle = 'ISO';
set local row_security = off;
set local idle_in_transaction_session_timeout = 0;
