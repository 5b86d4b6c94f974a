-- Finds Trino's version, and counts its active nodes.
select max(if(coordinator, node_version)), count(*)
from system.runtime.nodes
where state = 'active'
