-- Finds Trino's version, and counts its active nodes. The version is empty while no coordinator is active.
select coalesce(max(if(coordinator, node_version)), '') as version, count(*) as nodes
from system.runtime.nodes
where state = 'active'
