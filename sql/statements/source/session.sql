-- Makes a session that can write nothing and waits for nothing for ever; limits are in milliseconds.
set session characteristics as transaction read only;
set statement_timeout = {{ statement_timeout }};
set lock_timeout = {{ lock_timeout }};
