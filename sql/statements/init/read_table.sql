-- Lets the user of the connection read a table.
grant usage on schema {{ table[0] }} to {{ user }};
grant select on {{ table }} to {{ user }};
