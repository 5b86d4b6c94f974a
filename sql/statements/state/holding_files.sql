-- Tells of a table's files that are not read: how many, and a few of them, the oldest first; and whether it ever had a file.
with unread as (
  select path, modified_at
  from icefront.files as file
  where pipeline = $1 and table_name = $2 and state <> 'landed'
    -- It counts as it was seen last.
    and not exists (select from icefront.files as later where later.pipeline = $1 and later.path = file.path and later.id > file.id)
)
select
  (select count(*) from unread),
  array(select path from unread order by modified_at, path limit 3),
  exists (select from icefront.files where pipeline = $1 and table_name = $2)
