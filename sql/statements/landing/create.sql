-- Creates the table that holds every landed event as it came. With `must_be_new` it fails if the table exists.
-- It has no partitions, because `add_files` takes none.
create table {% if not must_be_new %}if not exists {% endif %}{{ landing }} (
  ingested_at timestamp(6) with time zone,
  source_file varchar,
  audit_event_id bigint,
  audit_operation varchar,
  audit_timestamp timestamp(6) with time zone,
  tbl_schema varchar,
  tbl_name varchar,
  raw_data varchar,
  fields map(varchar, varchar),
  _batch_id bigint
)
