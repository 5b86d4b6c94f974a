-- Tells the highest value that the cursor column has.
select max({{ cursor }})::text from {{ table }}
