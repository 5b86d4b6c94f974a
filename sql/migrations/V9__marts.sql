-- Which marts a table has. The typed log may be copied in slices while they are built.

alter table icefront.tables
  add column marts text not null default 'two_tables' check (marts in ('two_tables', 'current_view', 'no_history'));

alter table icefront.builds drop constraint builds_layer_check;
alter table icefront.builds add check (layer in ('log', 'sliced', 'current', 'history'));
