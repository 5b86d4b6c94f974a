-- Copies the current rows from the view that showed them.
create or replace table {{ build }} as
select * from {{ table }}
