-- Lists the engine's catalogs.
select catalog_name, connector_name from system.metadata.catalogs order by 1
