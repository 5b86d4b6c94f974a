-- Consumers of row changes.
-- `src/state/consumers.rs` takes each statement by its name: the line `-- name: …` above it.

-- name: lock_consumers
-- Lets one caller at a time move a consumer or add one, until the end of the transaction.
select pg_advisory_xact_lock(hashtext('icefront.consumers'))

-- name: count_consumers
-- Counts the consumers of a pipeline.
select count(*) as consumers from icefront.consumers where pipeline = $1

-- name: list_consumers
-- Lists the consumers of a pipeline, table or model, by name, after the one called $4; or only the one called $6. Tells how many
-- publications each has not read, up to 1000; `waiting_since` is when the first of them was made.
select
  consumer.name, consumer.pipeline, consumer.of_name, consumer.is_model, consumer.cursor, consumer.created_at, consumer.moved_at,
  waiting.publications, waiting.since as waiting_since
from (
  select *
  from icefront.consumers
  where ($1::text is null or pipeline = $1) and ($2::text is null or of_name = $2) and ($3::boolean is null or is_model = $3)
    and ($4::text is null or name collate "C" > $4) and ($6::text is null or name = $6)
    and ($7::text[] is null or pipeline = any($7))
  order by name collate "C"
  limit $5
) as consumer,
lateral (
  select count(*) as publications, min(unread.published_at) as since
  from (
    select publication.published_at
    from icefront.publications as publication
    where publication.pipeline = consumer.pipeline and publication.name = consumer.of_name
      and publication.id > coalesce(consumer.publication, 0)
    order by publication.id
    limit 1000
  ) as unread
) as waiting
order by consumer.name collate "C"

-- name: add_consumer
-- Adds a consumer.
insert into icefront.consumers (name, pipeline, of_name, is_model, cursor, publication, moved_at)
values ($1, $2, $3, $4, $5, $6, case when $5::text is not null then clock_timestamp() end)

-- name: move_consumer
-- Notes how far a consumer is.
update icefront.consumers set cursor = $2, publication = $3, moved_at = clock_timestamp() where name = $1

-- name: delete_consumer
-- Forgets a consumer.
delete from icefront.consumers where name = $1
