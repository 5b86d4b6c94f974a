-- Finds the highest batch in the landing table, for a state database that does not know it. No row if it is empty.
-- Ordering with a limit is faster than a maximum here.
select _batch_id
from {{ landing }}
order by _batch_id desc
limit 1
