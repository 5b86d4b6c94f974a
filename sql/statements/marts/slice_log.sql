-- Copies the events of the typed log into files by their keys' buckets: a slice of a build then reads only its own files.
{% from 'marts/names.sql' import bare, part_of, row_events %}
create or replace table {{ sliced_log }} with (partitioning = array['_part']) as
select {{ bare(columns) }}, _event_id, _operation, _occurred_at, _ingested_at, _batch_id, {{ part_of(key_columns) }} as _part
from {{ staging }}
where _batch_id <= {{ upto_batch }} and _operation in {{ row_events }}
