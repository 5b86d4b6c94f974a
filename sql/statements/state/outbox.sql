-- The outbox: deliveries of messages to their receivers.
-- `src/state/outbox.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: queue_deliveries
-- Queues a message for each receiver of $1. Where $6 deliveries wait already, it counts as failed, with the detail $7.
-- $5 is the turn, or null. A delivery behind another one of its turn is due when that is.
insert into icefront.deliveries (receiver, message_id, event, body, in_turn, state, next_try_at, reason, detail, given_up_at)
select
  told.receiver, $2, $3, $4, $5,
  case when queue.is_full then 'failed' else 'waiting' end,
  case when not queue.is_full then coalesce(last.next_try_at, clock_timestamp()) end,
  case when queue.is_full then 'too_many_waiting' end,
  case when queue.is_full then $7 end,
  case when queue.is_full then clock_timestamp() end
from unnest($1::text[]) as told (receiver)
cross join lateral (
  select count(*) >= $6 as is_full
  from (
    select from icefront.deliveries
    where deliveries.receiver = told.receiver and deliveries.state = 'waiting'
    limit $6
  ) as waiting
) as queue
left join lateral (
  select deliveries.next_try_at
  from icefront.deliveries
  where deliveries.receiver = told.receiver and deliveries.in_turn = $5 and deliveries.state = 'waiting'
  order by deliveries.id desc
  limit 1
) as last on true
returning receiver, state = 'failed' as is_given_up

-- name: claim_deliveries
-- Takes deliveries whose time has come: at most $2[n] of receiver $1[n], the longest due first. Of a turn, only the
-- first is taken. Each is taken for $3 seconds. If its outcome is not recorded by then, any service may take it again.
with due as materialized (
  select due.id
  from unnest($1::text[], $2::bigint[]) as free (receiver, places)
  cross join lateral (
    select deliveries.id
    from icefront.deliveries
    where deliveries.receiver = free.receiver and deliveries.state = 'waiting'
      and deliveries.next_try_at <= statement_timestamp()
      and not exists (
        select from icefront.deliveries as earlier
        where earlier.receiver = deliveries.receiver and earlier.in_turn = deliveries.in_turn
          and earlier.state = 'waiting' and earlier.id < deliveries.id
      )
    order by deliveries.next_try_at
    limit free.places
    for update skip locked
  ) as due
)
update icefront.deliveries as delivery
set tries = tries + 1, tried_at = clock_timestamp(), next_try_at = clock_timestamp() + $3::float8 * interval '1 second'
from due
where delivery.id = due.id
returning
  delivery.id, delivery.receiver, delivery.message_id, delivery.tries, delivery.body, delivery.created_at

-- name: record_delivered
-- Notes that the receiver took a message. The next one of its turn is due.
with delivered as (
  update icefront.deliveries
  set state = 'delivered', delivered_at = clock_timestamp(), next_try_at = null, http_status = $2,
    duration_seconds = $3, reason = null, detail = null
  where id = $1 and state = 'waiting'
  returning id, receiver, in_turn
)
update icefront.deliveries
set next_try_at = clock_timestamp()
where id = (
  select min(behind.id)
  from icefront.deliveries as behind, delivered
  where behind.receiver = delivered.receiver and behind.in_turn = delivered.in_turn and behind.state = 'waiting'
    and behind.id > delivered.id
)

-- name: record_failed_try
-- Notes how try $2 of a delivery failed. The next one comes after $7 seconds, and those behind it in its turn wait as
-- long; if $7 is null it never comes, and the next of the turn is due. Changes nothing if another service has taken the
-- delivery since.
with tried as (
  update icefront.deliveries
  set state = case when $7::float8 is null then 'failed' else 'waiting' end,
    next_try_at = clock_timestamp() + $7::float8 * interval '1 second',
    given_up_at = case when $7::float8 is null then clock_timestamp() end,
    http_status = $3, duration_seconds = $4, reason = $5, detail = $6
  where id = $1 and tries = $2 and state = 'waiting'
  returning id, receiver, in_turn, next_try_at
)
update icefront.deliveries as behind
set next_try_at = coalesce(tried.next_try_at, clock_timestamp())
from tried
where behind.receiver = tried.receiver and behind.in_turn = tried.in_turn and behind.state = 'waiting'
  and behind.id > tried.id
  and (
    tried.next_try_at is not null
    or behind.id = (
      select min(next.id)
      from icefront.deliveries as next
      where next.receiver = tried.receiver and next.in_turn = tried.in_turn and next.state = 'waiting'
        and next.id > tried.id
    )
  )

-- name: list_deliveries
-- Lists the deliveries of a receiver, newest first, in one of the states $2 and older than delivery $3 if these are
-- given.
select
  id, message_id, event, state, created_at, tries, tried_at, next_try_at, http_status, duration_seconds, reason, detail,
  delivered_at, given_up_at
from icefront.deliveries
where receiver = $1 and ($2::text[] is null or state = any ($2)) and ($3::bigint is null or id < $3)
order by id desc
limit $4

-- name: give_up_deliveries
-- Gives up deliveries older than $1 seconds to receivers of settings $2 that are not among $3: no service has them in its
-- settings any more. The others have a try before them.
update icefront.deliveries
set state = 'failed', given_up_at = clock_timestamp(), next_try_at = null, reason = coalesce(reason, 'webhook_removed'),
  detail = coalesce(detail, 'the receiver is not in the settings any more')
where state = 'waiting' and split_part(receiver, '.', 1) = $2 and receiver <> all ($3)
  and created_at < clock_timestamp() - $1::float8 * interval '1 second'

-- name: forget_deliveries
-- Deletes the deliveries of the receivers of settings $1 that are older than $2 seconds, unless they wait.
delete from icefront.deliveries
where state <> 'waiting' and split_part(receiver, '.', 1) = $1
  and created_at < clock_timestamp() - $2::float8 * interval '1 second'
