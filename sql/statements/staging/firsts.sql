{% include 'staging/events.sql' %}
{% if repeats %}
-- Of an id that came more than once, the first that landed.
, firsts as (
  select *, row_number() over (partition by _event_id order by _batch_id) as _arrival
  from judged
  where _reason is null
)
select * from firsts where _arrival = 1
{% else %}
select * from judged where _reason is null
{% endif %}
