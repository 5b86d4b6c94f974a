-- Creates the table of the events that the pipeline could not take: each as it landed, with its reason.
create table if not exists {{ rejects }} (
  ingested_at timestamp(6) with time zone,
  source_file varchar,
  audit_event_id bigint,
  audit_operation varchar,
  audit_timestamp timestamp(6) with time zone,
  tbl_schema varchar,
  tbl_name varchar,
  raw_data varchar,
  fields map(varchar, varchar),
  _batch_id bigint,
  reason varchar,
  column_name varchar,
  value varchar,
  rejected_at timestamp(6) with time zone
)
