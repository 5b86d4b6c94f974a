-- Reads the highest value of the cursor column.
select max({{ cursor }})::text as highest from {{ table }}
