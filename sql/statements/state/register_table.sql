-- Remembers a table's columns at first sight. What landed before the state knows of is not its own to stage: $5 is the last such batch.
insert into icefront.tables (pipeline, name, origin, columns, staged_batch, catalogue, is_by_clock, has_own_ids)
values ($1, $2, $3, $4, coalesce((select min(id) - 1 from icefront.batches where pipeline = $1), $5), $6, $7, $8)
on conflict (pipeline, name) do nothing
