-- Who asked for a run.

alter table icefront.runs add column requested_by text;

comment on column icefront.runs.requested_by is 'the caller that started the run; null if the service did, or nobody was asked for a name';
