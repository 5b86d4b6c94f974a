-- Counts the rows that truncates of the batches deleted: gone, and no later event of theirs was among the batches.
{% from 'marts/names.sql' import equal, bare, place %}
select count(*)
from (select * from {{ current }} for version as of {{ parent }}) as earlier
left join (select * from {{ current }} for version as of {{ snapshot }}) as later on {{ equal(key_columns, 'earlier', 'later') }}
left join (
  select {{ bare(key_columns) }}, max({{ place('staged', by_clock, first_logged) }}) as _last
  from {{ staging }} as staged
  where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }} and _operation <> 'T'
  group by {{ bare(key_columns) }}
) as winner on {{ equal(key_columns, 'earlier', 'winner') }}
  and winner._last > (
    select max({{ place('staged', by_clock, first_logged) }}) from {{ staging }} as staged where _operation = 'T' and _batch_id <= {{ upto_batch }}
  )
where later._event_id is null and winner._last is null
