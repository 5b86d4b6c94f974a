-- Replaces a table by what was built for it, in one commit.
create or replace table {{ table }}{% if is_partitioned %} with (partitioning = array['is_current']){% endif %} as
select * from {{ build }}
