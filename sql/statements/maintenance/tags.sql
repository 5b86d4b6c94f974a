-- Lists the tags and branches of a table.
select name from {{ refs }} where name <> 'main' order by name
