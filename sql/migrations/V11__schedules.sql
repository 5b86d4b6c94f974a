-- What started a run, schedules and pauses of pipelines, how fresh models are, and failing rows that are kept.

alter table icefront.runs
  add column trigger text not null default 'api' check (trigger in ('api', 'poll', 'schedule', 'target_lag'));

create table icefront.pipelines (
  name text primary key,
  -- Whether nothing starts runs of it but calls of the API.
  is_paused boolean not null default false,
  -- The schedule as it is written in the definition, and the time up to which it is kept.
  schedule text,
  scheduled_until timestamptz,
  check ((schedule is null) = (scheduled_until is null))
);

-- `covered_until` of the source before this batch. A table without the batch lags from this time on.
alter table icefront.batches add column covered_from timestamptz;

-- The last batch up to which everything is in the model's table; null if it reads nothing of the pipeline.
alter table icefront.models add column covered_batch bigint;

alter table icefront.refreshes
  add column covered_batch bigint,
  -- The target lag of the model at that time.
  add column target_lag_seconds bigint;

alter table icefront.test_results
  -- The table with the failing rows, and its snapshot with those of this test.
  add column failures_table text,
  add column failures_snapshot text;

create index refreshes_when on icefront.refreshes (finished_at);
create index statements_of_target on icefront.statements (pipeline, target);
