-- Counts the events that wait behind the cursor, up to a limit.
select count(*) from (
  select from {{ table }}
  {% include 'source/unread.sql' %}
  limit {{ limit }}
) as waiting
