-- Begins the one snapshot that a batch is read in. A table of which a policy hides rows is refused: what is hidden would count as deleted.
begin transaction isolation level repeatable read read only;
set local time zone 'UTC';
set local datestyle = 'ISO';
set local row_security = off;
set local idle_in_transaction_session_timeout = 0;
