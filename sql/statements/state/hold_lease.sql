-- Lets a session record only as long as this lease is held.
select set_config('icefront.lease', $1, false)
