-- Lets the statements of a session take as long as they need: a batch is read by one.
set statement_timeout = 0
