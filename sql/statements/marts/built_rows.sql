-- Counts the rows of a build.
select count(*) as rows from {{ table }}
