-- Ends the statements of this transaction that take longer than this many milliseconds, or than the session allows.
select set_config('statement_timeout', least(nullif(setting::bigint, 0), {{ milliseconds }})::text, true)
from pg_settings
where name = 'statement_timeout'
