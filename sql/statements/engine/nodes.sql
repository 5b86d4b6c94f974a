-- Finds Trino's version, and counts its active nodes.
select max(if(coordinator, node_version)) as version, count(*) as nodes
from system.runtime.nodes
where state = 'active'
