-- expands: a service of version 21 runs on it
-- The trace of the call that started a run.

alter table icefront.runs add column traceparent text;

comment on column icefront.runs.traceparent is 'the traceparent of the call that started the run (W3C Trace Context); null if traces were off, or the service started it';

insert into icefront.expansions (version, oldest_service_schema) values (22, 21);
