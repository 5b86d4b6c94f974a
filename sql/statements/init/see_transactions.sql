-- Lets the user of the connection see when other sessions began their transactions: otherwise nobody can tell how fresh the tables are.
-- Only a superuser, or who has this role with the right to grant it, can do that.
grant pg_read_all_stats to {{ user }};
