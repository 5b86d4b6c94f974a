-- Makes a session that cannot write and whose waits have limits, in milliseconds.
set session characteristics as transaction read only;
set statement_timeout = {{ statement_timeout }};
set lock_timeout = {{ lock_timeout }};
