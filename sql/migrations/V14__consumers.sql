-- Publications, from which row changes are told, and the consumers that follow them.

-- A publication that changed rows: of a table's current rows, or of a model's table.
create table icefront.publications (
  pipeline text not null,
  -- The table or model.
  name text not null,
  -- Rises within a table or model.
  id bigint generated always as identity,
  -- The Iceberg snapshot with the rows. Of current rows that are a view, that of the history.
  snapshot text not null,
  -- The snapshot that it changed: it has the rows of the publication before, perhaps in other files.
  snapshot_before text,
  of_history boolean not null default false,
  -- The last batch in a table, or the refresh of a model.
  batch_id bigint,
  refresh_id bigint,
  -- Whether only keys of the batches since the publication before can have changed.
  of_batches boolean not null default false,
  -- Name, type and `is_key` of each column; null if they are as in the publication before.
  columns jsonb,
  published_at timestamptz not null default clock_timestamp(),
  primary key (pipeline, name, id)
);

create index publications_by_columns on icefront.publications (pipeline, name, id) where columns is not null;

-- Publications, each with its columns.
create view icefront.publications_with_columns as
select
  publication.pipeline, publication.name, publication.id, publication.snapshot, publication.snapshot_before, publication.of_history,
  publication.batch_id, publication.refresh_id, publication.published_at,
  (
    select made.columns
    from icefront.publications as made
    where
      made.pipeline = publication.pipeline and made.name = publication.name and made.id <= publication.id and made.columns is not null
    order by made.id desc
    limit 1
  ) as columns
from icefront.publications as publication;

create trigger hold_lease before insert or update or delete on icefront.publications for each statement execute function icefront.hold_lease();

insert into icefront.publications (pipeline, name, snapshot, of_history, batch_id, columns)
select
  pipeline, name, current_snapshot, marts = 'current_view', current_batch,
  (
    select jsonb_agg(
      jsonb_build_object('name', listed ->> 'name', 'data_type', listed ->> 'data_type', 'is_key', listed -> 'is_key') order by place
    )
    from jsonb_array_elements(columns) with ordinality as listed (listed, place)
  )
from icefront.tables
where current_snapshot is not null and jsonb_array_length(columns) > 0;

-- Consumers of row changes that keep their cursor here.
create table icefront.consumers (
  name text primary key,
  pipeline text not null,
  -- The table or model.
  of_name text not null,
  is_model boolean not null,
  -- Null before the first row.
  cursor text,
  -- The last publication of which the consumer has every row; null before the first.
  publication bigint,
  created_at timestamptz not null default clock_timestamp(),
  moved_at timestamptz
);
