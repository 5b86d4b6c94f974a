-- Appends `events` events of `orders` to the audit log, `late` of them among what is there already. The same variables, the same events.
--
-- | variable | what                                                                                                         |
-- |----------|--------------------------------------------------------------------------------------------------------------|
-- | first    | the number of the first event: one more than there are orderly ones                                          |
-- | events   | how many, the late ones counted                                                                              |
-- | late     | how many of them have an id and a time of the first load                                                     |
-- | delayed  | how many late ones were appended before                                                                      |
-- | base     | events of the first load: in it no key is new after its first round, behind it every fifth event is a new key |
-- | keys     | orders of the first load                                                                                     |
-- | seed     | decides the values and the order of the keys                                                                 |
-- | began    | the time of event 0, in seconds since 1970                                                                   |
--
-- The keys come round after round, in an order that a multiplication by a prime mixes, so that the history of each is sane: it is
-- inserted, then updated; 5 of 16 keys are deleted every fifth round and inserted again in the next. That makes 24 % inserts, 71 %
-- updates and 5 % deletes in five rounds, and 25, 70 and 5 % with the new keys of the batches behind them.
set timezone = 'UTC';
set jit = off;

with
-- Every fiftieth id is left out: these gaps are what late events are taken from.
numbered as (
  select n, n + (n - 1) / 49 as id, false as is_late
  from generate_series(:first::bigint, :first + :events - :late - 1) as n
  union all
  select 49 * gap, 50 * gap, true
  from generate_series(:delayed + 1::bigint, :delayed + :late) as j
  cross join lateral (select 1 + (j * 15485863 + :seed) % ((:base - 1) / 49) as gap) as gaps
),
-- A position counts the events of known keys only.
placed as (
  select *,
    n > :base and (n - 1 - :base) % 5 = 0 as is_new,
    case when n > :base then n - 1 - (n - 1 - :base + 4) / 5 else n - 1 end as position
  from numbered
),
keyed as (
  select *,
    position / :keys as round,
    case
      when is_new then :keys + 1 + (n - 1 - :base) / 5
      when position < :keys then 1 + position
      else 1 + (position % :keys * 15485863 + position / :keys * 7919 + :seed) % :keys
    end as key
  from placed
),
-- A late event repeats the operation of the event before it, for the same key; an insert it may not repeat.
operated as (
  select *,
    case
      when is_new or round = 0 then case when is_late then 'U' else 'I' end
      when key % 16 >= 5 then 'U'
      when (round + key / 16) % 5 = 2 then 'D'
      when (round + key / 16) % 5 = 3 and round > 1 and not is_late then 'I'
      else 'U'
    end as operation,
    hashint8extended(key, :seed) as of_key,
    hashint8extended(id, :seed) as of_event
  from keyed
)
insert into public.audit_log_dml (audit_event_id, audit_operation, audit_timestamp, tbl_schema, tbl_name, raw_data)
select
  id,
  operation,
  to_timestamp(:began) + id * interval '250 milliseconds' + (of_event & 131071) * interval '1 microsecond',
  'public',
  'orders',
  jsonb_build_object(
    'order_id', key,
    'customer_id', 1 + (of_key & 1048575) % 100000,
    'status', (array['new', 'paid', 'packed', 'shipped', 'delivered', 'returned', 'refunded', 'lost'])[1 + (of_event & 7)],
    'order_sum', round(((of_event >> 3) & 4194303)::numeric / 100, 2),
    'description', format(
      '%s, %s, %s, lot %s',
      (array['leave it at the door', 'ring the bell twice', 'behind the green gate', 'ask for the neighbour'])[1 + ((of_event >> 25) & 3)],
      (array['a gift, no invoice', 'needs a signature', 'heavy, two people', 'fragile, keep level'])[1 + ((of_event >> 27) & 3)],
      (array['in the morning', 'after five o''clock', 'on a Saturday', 'any time at all'])[1 + ((of_event >> 29) & 3)],
      (of_event >> 31) & 16777215
    ),
    'order_timestamp', to_timestamp(:began) - interval '1 day' + key * interval '0.2 seconds' + (of_key & 131071) * interval '1 microsecond'
  )
from operated;
