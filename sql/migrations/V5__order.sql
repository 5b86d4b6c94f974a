-- Tables whose events are in the order of their times, because ids do not follow the writes.

alter table icefront.tables add column is_by_clock boolean not null default false;
