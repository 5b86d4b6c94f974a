-- Counts the events of the batches in their places: in the landing table, in the typed log, among the rejects. It also
-- finds the highest id and time of these batches in the log.
select
  landed.events as landed,
  staged.events as staged,
  rejected.events as rejected,
  rejected.forgotten,
  staged.last_event,
  cast(staged.last_time as varchar) as last_time
from (
  select count(*) as events
  from {{ landing }}
  where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}
    and tbl_schema = {{ from.schema | literal }} and tbl_name = {{ from.name | literal }}
) as landed
cross join (
  select count(*) as events, max(_event_id) as last_event, max(_occurred_at) as last_time
  from {{ staging }}
  where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}
) as staged
cross join (
  select count(*) as events, count_if(reason = 'forgotten') as forgotten
  from {{ rejects }}
  where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}
    and tbl_schema = {{ from.schema | literal }} and tbl_name = {{ from.name | literal }}
) as rejected
