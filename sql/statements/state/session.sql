-- Has the server end a transaction whose service was frozen in it, and waits for no lock for ever: others want to go on.
set idle_in_transaction_session_timeout = '5s';
set lock_timeout = '10s'
