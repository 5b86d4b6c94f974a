-- Tells whether the log has transaction ids, and whether it is missing.
select exists (
    select from pg_catalog.pg_attribute
    where attrelid = to_regclass($1) and attname = 'audit_transaction_id' and not attisdropped
), to_regclass($1) is null
