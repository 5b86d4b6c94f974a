-- Ends the statements of this transaction that take longer than so many milliseconds, or than those of the session may.
select set_config('statement_timeout', least(nullif(setting::bigint, 0), {{ milliseconds }})::text, true)
from pg_settings
where name = 'statement_timeout'
