-- Remembers what a table is made of from now on, and how its source differs from that.
update icefront.tables set origin = $3, columns = $4, catalogue = $5, drift = $6, is_by_clock = $7, has_own_ids = $8 where pipeline = $1 and name = $2
