-- Tells the engine's version and how many nodes it has.
select max(if(coordinator, node_version)), count(*) from system.runtime.nodes where state = 'active'
