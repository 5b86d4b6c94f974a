-- Registers every Parquet file of a batch's folder in one commit.
-- Doing it twice adds the rows twice: ask landing/landed.sql first.
alter table {{ landing }} execute add_files(location => {{ location | literal }}, format => 'PARQUET')
