-- SQL models: what their tables were made by, and their refreshes.
-- `src/state/models.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: read_model
-- Reads what is known of a model.
select made_of, columns, reading, sent, snapshot, changes_since, rows, is_suspended
from icefront.models
where pipeline = $1 and name = $2

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
insert into icefront.models (pipeline, name, made_of, columns, reading, snapshot, changes_since, rows)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (pipeline, name) do update
set made_of = excluded.made_of, columns = excluded.columns, reading = excluded.reading, sent = null,
  snapshot = coalesce(excluded.snapshot, models.snapshot), changes_since = excluded.changes_since,
  rows = coalesce(excluded.rows, models.rows)

-- name: suspend_model
-- Notes whether a model is left out of runs.
insert into icefront.models (pipeline, name, is_suspended) values ($1, $2, $3)
on conflict (pipeline, name) do update set is_suspended = excluded.is_suspended

-- name: record_refresh
-- Notes a refresh at its end.
insert into icefront.refreshes (
  pipeline, model, run_id, attempt, state, action, reason, reading, scopes, inserted, updated, deleted, problem, started_at
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)

-- name: list_refreshes
-- Lists the refreshes of a model before an id, the latest first.
select
  id, run_id, attempt, state, action, reason, reading, scopes, inserted, updated, deleted, problem, started_at, finished_at
from icefront.refreshes
where pipeline = $1 and model = $2 and ($3::bigint is null or id < $3)
order by id desc
limit $4
