-- Asks whether the connection that holds a lease still lives.
select 1
