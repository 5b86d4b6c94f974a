-- Begins the one snapshot that a batch is read in.
begin transaction isolation level repeatable read read only;
set local time zone 'UTC';
set local idle_in_transaction_session_timeout = 0;
