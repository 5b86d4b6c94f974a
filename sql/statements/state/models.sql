-- SQL models: what their tables were made by, and what they hold.
-- `src/state/models.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: read_model
-- Reads what is known of a model.
select made_of, columns, reading, sent, snapshot, changes_since, rows, covered_batch, is_suspended
from icefront.models
where pipeline = $1 and name = $2

-- name: read_models
-- Reads what is known of some models.
select pipeline, name, made_of, columns, reading, sent, snapshot, changes_since, rows, covered_batch, is_suspended
from icefront.models
join unnest($1::text[], $2::text[]) as asked (pipeline, name) using (pipeline, name)

-- name: suspended_models
-- Lists the models that runs leave out.
select pipeline, name from icefront.models where is_suspended

-- name: begin_refresh
-- Notes what a refresh is about to publish, before its statement is sent.
insert into icefront.models (pipeline, name, sent) values ($1, $2, $3)
on conflict (pipeline, name) do update set sent = excluded.sent

-- name: forget_changes
-- Notes that the table of changes is about to be written, so that nothing is read from it until its refresh is recorded.
update icefront.models set changes_since = null where pipeline = $1 and name = $2

-- name: forget_reading
-- Notes that nobody knows what a model's table holds. The next refresh builds it again.
update icefront.models set reading = null, sent = null, changes_since = null where pipeline = $1 and name = $2

-- name: forget_sent
-- Notes that the statement that was about to be sent published nothing.
update icefront.models set sent = null where pipeline = $1 and name = $2

-- name: record_refreshed
-- Notes what a model's table holds after a refresh. $6 is null if the table did not change; $7 is null if no table of
-- changes leads to it.
insert into icefront.models (pipeline, name, made_of, columns, reading, snapshot, changes_since, rows, covered_batch)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (pipeline, name) do update
set made_of = excluded.made_of, columns = excluded.columns, reading = excluded.reading, sent = null,
  snapshot = coalesce(excluded.snapshot, models.snapshot), changes_since = excluded.changes_since,
  rows = coalesce(excluded.rows, models.rows), covered_batch = excluded.covered_batch

-- name: record_covered
-- Notes that a model's table holds everything up to a batch, because no batch since the last refresh changes it.
update icefront.models set covered_batch = $3 where pipeline = $1 and name = $2

-- name: suspend_model
-- Notes whether a model is left out of runs.
insert into icefront.models (pipeline, name, is_suspended) values ($1, $2, $3)
on conflict (pipeline, name) do update set is_suspended = excluded.is_suspended
