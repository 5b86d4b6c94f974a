-- Tells whether the log exists, and whether it has transaction ids.
select to_regclass($1) is not null as exists, exists (
    select from pg_catalog.pg_attribute
    where attrelid = to_regclass($1) and attname = 'audit_transaction_id' and not attisdropped
) as has_transaction_id
