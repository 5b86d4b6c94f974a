-- Takes the transaction ids from a log, as older logs have none.
alter table {{ schema }}.audit_log_dml drop column audit_transaction_id
