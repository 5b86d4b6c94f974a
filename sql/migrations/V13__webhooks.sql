-- Webhooks: what their receivers are told, and how fresh tables and models were at the last look.

create table icefront.deliveries (
  id bigint generated always as identity primary key,
  webhook text not null,
  -- The same in every try, and for all webhooks that are told of the same event.
  message_id uuid not null,
  event text not null,
  body json not null,
  state text not null default 'waiting' check (state in ('waiting', 'delivered', 'failed')),
  created_at timestamptz not null default clock_timestamp(),
  tries integer not null default 0,
  tried_at timestamptz,
  -- From when on any service may try; null once nobody will.
  next_try_at timestamptz default clock_timestamp(),
  -- How the last try ended.
  http_status integer,
  duration_seconds float8,
  reason text,
  detail text,
  delivered_at timestamptz,
  given_up_at timestamptz
);
create index deliveries_of_webhook on icefront.deliveries (webhook, id);
create index deliveries_waiting on icefront.deliveries (webhook, next_try_at) where state = 'waiting';

create table icefront.freshness_seen (
  -- Of the table or model in the API.
  name text primary key,
  status text not null,
  -- The worst status since it was last `pass`; of one that is `pass`, the worst before.
  worst text not null,
  changed_at timestamptz not null default clock_timestamp()
);
