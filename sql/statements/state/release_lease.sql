-- Gives a lease back.
update icefront.leases set expires_at = '-infinity' where number = $1
