-- Lineage: the outbox also holds what a lineage server is told.

alter table icefront.deliveries rename column webhook to receiver;
-- A receiver has the name of its settings: `webhooks.ops`, `lineage`.
update icefront.deliveries set receiver = 'webhooks.' || receiver;
alter table icefront.deliveries
  -- Deliveries of a receiver with the same value are sent one after the other, in the order of their ids.
  add column in_turn uuid;
create index deliveries_in_turn on icefront.deliveries (receiver, in_turn, id)
where state = 'waiting' and in_turn is not null;

alter table icefront.runs
  -- The attempt with which the run begins after a caller started it or retried it last.
  add column first_attempt integer not null default 1;

-- Finds the last snapshot of a table fast.
drop index icefront.statements_of_target;
create index statements_of_target on icefront.statements (pipeline, target, id);
