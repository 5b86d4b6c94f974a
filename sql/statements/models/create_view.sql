-- Makes the view of a model.
create or replace view {{ view }} as
{{ sql | expression }}
