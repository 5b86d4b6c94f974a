-- Makes a log as those that tell no transactions.
alter table {{ schema }}.audit_log_dml drop column audit_transaction_id
