-- Registers every Parquet file of a batch's folder in one commit; not harmless twice, so ask landing/landed.sql first.
alter table {{ landing }} execute add_files(location => {{ location | literal }}, format => 'PARQUET')
