{% include 'staging/events.sql' %}
{% if is_by_content %}
-- Ids of ours never repeat: an event that came before is one of the same key, time and operation with the same row.
, firsts as (
  select *, row_number() over (partition by {% for column in columns %}{{ column.name }}, {% endfor %}_occurred_at, _operation order by _event_id) as _arrival
  from judged
  where _reason is null
)
select * from firsts where _arrival = 1
{% elif repeats %}
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
