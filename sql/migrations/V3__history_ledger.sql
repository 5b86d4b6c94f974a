-- What became of versions, marts that are to be made anew, and look-ups that do not grow with the number of batches.

alter table icefront.changes
  add column versions_opened bigint not null default 0,
  add column versions_closed bigint not null default 0,
  add column versions_split bigint not null default 0,
  add column versions_changed bigint not null default 0,
  add column versions_removed bigint not null default 0;

-- Marts that are to be made anew hold until then what another log made of them. Sizes are those of the last commit, in bytes.
alter table icefront.tables
  add column current_anew boolean not null default false,
  add column history_anew boolean not null default false,
  add column current_bytes bigint not null default 0,
  add column history_bytes bigint not null default 0;

create index batch_events_by_event on icefront.batch_events (pipeline, source_schema, source_table, last_event);
create index batch_events_by_time on icefront.batch_events (pipeline, source_schema, source_table, last_time);
create index batch_events_with_truncates on icefront.batch_events (pipeline, source_schema, source_table) where truncates > 0;
