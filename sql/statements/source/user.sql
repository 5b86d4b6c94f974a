-- Reads the name of the session's user.
select current_user::text as name
