-- Webhooks: the deliveries to their receivers, and how fresh tables and models were at the last look.
-- `src/state/webhooks.rs` and `src/state/run_ends.rs` take each statement by its name: the line `-- name: …` above it.

-- name: failed_models
-- Lists the models whose last refresh in a run failed.
select model, problem
from (
  select distinct on (model) pipeline || '.' || model as model, state, problem
  from icefront.refreshes
  where run_id = $1
  order by model, id desc
) as last
where state = 'failed'
order by model

-- name: rejected_tables
-- Lists the tables of which a run rejected events, and how many rejects each has now.
select changes.pipeline || '.' || changes.table_name as "table", sum(changes.rejected)::bigint as rejected, tables.rejects
from icefront.changes
join icefront.tables on tables.pipeline = changes.pipeline and tables.name = changes.table_name
where changes.run_id = $1 and changes.rejected > 0
group by changes.pipeline, changes.table_name, tables.rejects
order by 1

-- name: queue_deliveries
-- Queues a message for each webhook of $1. Where $5 deliveries wait already, it counts as failed, with the detail $6.
insert into icefront.deliveries (webhook, message_id, event, body, state, next_try_at, reason, detail, given_up_at)
select
  told.webhook, $2, $3, $4,
  case when queue.is_full then 'failed' else 'waiting' end,
  case when not queue.is_full then clock_timestamp() end,
  case when queue.is_full then 'too_many_waiting' end,
  case when queue.is_full then $6 end,
  case when queue.is_full then clock_timestamp() end
from unnest($1::text[]) as told (webhook)
cross join lateral (
  select count(*) >= $5 as is_full
  from (
    select from icefront.deliveries
    where deliveries.webhook = told.webhook and deliveries.state = 'waiting'
    limit $5
  ) as waiting
) as queue

-- name: claim_deliveries
-- Takes deliveries whose time has come: at most $2[n] of webhook $1[n], the longest due first. Each is taken for $3
-- seconds. If its outcome is not recorded by then, any service may take it again.
with due as materialized (
  select due.id
  from unnest($1::text[], $2::bigint[]) as free (webhook, places)
  cross join lateral (
    select deliveries.id
    from icefront.deliveries
    where deliveries.webhook = free.webhook and deliveries.state = 'waiting'
      and deliveries.next_try_at <= clock_timestamp()
    order by deliveries.next_try_at
    limit free.places
    for update skip locked
  ) as due
)
update icefront.deliveries as delivery
set tries = tries + 1, tried_at = clock_timestamp(), next_try_at = clock_timestamp() + $3::float8 * interval '1 second'
from due
where delivery.id = due.id
returning delivery.id, delivery.webhook, delivery.message_id, delivery.tries, delivery.body, delivery.created_at

-- name: record_delivered
-- Notes that the receiver took a message.
update icefront.deliveries
set state = 'delivered', delivered_at = clock_timestamp(), next_try_at = null, http_status = $2, duration_seconds = $3,
  reason = null, detail = null
where id = $1 and state = 'waiting'

-- name: record_failed_try
-- Notes how try $2 of a delivery failed. The next one comes after $7 seconds, or never if that is null. Changes nothing
-- if another service has taken the delivery since.
update icefront.deliveries
set state = case when $7::float8 is null then 'failed' else 'waiting' end,
  next_try_at = clock_timestamp() + $7::float8 * interval '1 second',
  given_up_at = case when $7::float8 is null then clock_timestamp() end,
  http_status = $3, duration_seconds = $4, reason = $5, detail = $6
where id = $1 and tries = $2 and state = 'waiting'

-- name: list_deliveries
-- Lists the deliveries of a webhook, newest first, in one of the states $2 and older than delivery $3 if these are
-- given.
select
  id, message_id, event, state, created_at, tries, tried_at, next_try_at, http_status, duration_seconds, reason, detail,
  delivered_at, given_up_at
from icefront.deliveries
where webhook = $1 and ($2::text[] is null or state = any ($2)) and ($3::bigint is null or id < $3)
order by id desc
limit $4

-- name: give_up_deliveries
-- Gives up deliveries older than $1 seconds that still wait: no service has their webhook in its settings any more.
update icefront.deliveries
set state = 'failed', given_up_at = clock_timestamp(), next_try_at = null, reason = coalesce(reason, 'webhook_removed')
where state = 'waiting' and created_at < clock_timestamp() - $1::float8 * interval '1 second'

-- name: forget_deliveries
-- Deletes deliveries older than $1 seconds, unless they wait.
delete from icefront.deliveries
where state <> 'waiting' and created_at < clock_timestamp() - $1::float8 * interval '1 second'

-- name: note_freshness
-- Notes the status of a table or model. Gives a row only if it is another one than at the last look.
insert into icefront.freshness_seen as seen (name, status, worst) values ($1, $2, $2)
on conflict (name) do update
set status = excluded.status, changed_at = clock_timestamp(),
  worst = case
    when excluded.status = 'pass' then seen.worst
    when seen.status = 'pass' then excluded.status
    when 'error' in (seen.worst, excluded.status) then 'error'
    else excluded.status
  end
where seen.status <> excluded.status
returning worst
