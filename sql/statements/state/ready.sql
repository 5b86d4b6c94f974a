-- Asks for our schema.
select count(*) from icefront.cursors
