-- Remembers a table's columns at first sight.
insert into icefront.tables (pipeline, name, columns) values ($1, $2, $3) on conflict (pipeline, name) do nothing
