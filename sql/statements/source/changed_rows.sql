-- Counts the rows of a table that changed since the last snapshot, up to a limit.
select count(*) as waiting from (
  select
  {% include 'source/changed.sql' %}
  limit {{ limit }}
) as counted
