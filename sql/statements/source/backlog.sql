-- Counts the events that wait behind the cursor, up to a limit.
select count(*) as waiting from (
  select from {{ table }}
  {% include 'source/unread.sql' %}
  limit {{ limit }}
) as counted
