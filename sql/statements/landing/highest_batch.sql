-- Finds the highest batch in the landing table, for a state database that does not know it.
select coalesce(max(_batch_id), 0) from {{ landing }}
