-- Lists Trino's catalogs with their connectors.
select catalog_name, connector_name from system.metadata.catalogs order by 1
