-- Makes the log {{ audit_table }}, and the function by which triggers write every insert, update, delete and truncate of a table into it:
-- an event a row, in the order of the writes. Harmless to repeat.
--
--# `icefront audit-trigger --table public.orders` prints this file and audit_trigger.sql with their names filled in, ready for psql.
--# By hand, replace everywhere what stands in double braces:
--#     audit_table  the log, one for all tables or one for each pipeline: public.audit_log_dml
--#     function     the trigger function, one for each log: public.icefront_audit_log_dml
--#     table        the table, quoted where need be: public.orders
--#     key          the key columns as strings: 'order_id', 'line'. Or nothing: then it is the primary key.
-- It needs Postgres 14 or newer, the right to create in the log's schema, and the right TRIGGER on the tables.
-- Not logged are the rows that the tables have already, a truncate of a single partition, and what a subscription of logical
-- replication writes.

begin;

-- Two installations at once would meet in "if not exists" and "or replace", which do not wait for one another.
do $icefront$ begin perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('icefront audit trigger', 0)); end $icefront$;

-- A log that is there already stays as it is: the trigger fills audit_operation, tbl_schema, tbl_name and raw_data, and leaves the rest to their defaults.
create table if not exists {{ audit_table }} (
    -- Rises with the writes of a row only while the sequence has no cache: `cache 1`, which is what bigserial makes.
    audit_event_id bigserial primary key,
    audit_operation text not null check (audit_operation in ('I', 'U', 'D', 'T')),
    -- The clock of the write itself: now() would give all events of a transaction one time.
    audit_timestamp timestamptz not null default pg_catalog.clock_timestamp(),
    -- Lets a reader ask for what was committed since its last snapshot, so that it neither skips late commits nor waits for them.
    audit_transaction_id xid8 not null default pg_catalog.pg_current_xact_id(),
    tbl_schema text not null,
    tbl_name text not null,
    -- The whole row after an insert or update and before a delete; null for a truncate.
    raw_data jsonb
);

-- A log of older days may lack the column, and may have the index under another name.
do $icefront$
declare
    log constant regclass := '{{ audit_table }}';
    transaction_id constant int2 := (
        select attnum from pg_catalog.pg_attribute
        where attrelid = log and attname = 'audit_transaction_id' and not attisdropped
    );
begin
    if transaction_id is not null
       and not exists (select from pg_catalog.pg_index where indrelid = log and indkey[0] = transaction_id and indpred is null)
    then
        execute format('create index on %s (audit_transaction_id)', log);
    end if;
end
$icefront$;

-- Writers of the table need no right on the log: the function writes with the rights of who installed it.
-- It names every schema, and its settings keep writers from slipping in objects of theirs, or output formats that lose digits.
create or replace function {{ function }}() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set extra_float_digits = 1
set bytea_output = 'hex'
set intervalstyle = 'postgres'
as $icefront$
declare
    -- Rows of a partition are logged under the table it is a part of.
    root constant oid := pg_catalog.pg_partition_root(tg_relid);
    log_schema text := tg_table_schema;
    log_table text := tg_table_name;
    old_data jsonb;
    new_data jsonb;
begin
    if root is not null then
        select n.nspname, c.relname into strict log_schema, log_table
        from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where c.oid = root;
    end if;

    if tg_op in ('INSERT', 'UPDATE') then
        new_data := pg_catalog.to_jsonb(new);
    end if;
    if tg_op in ('UPDATE', 'DELETE') then
        old_data := pg_catalog.to_jsonb(old);
    end if;

    if tg_op = 'UPDATE' then
        -- A changed key ends one row and starts another: the delete of the old one comes first.
        for n in 0 .. tg_nargs - 1 loop
            if old_data -> tg_argv[n] <> new_data -> tg_argv[n] then
                insert into {{ audit_table }} (audit_operation, tbl_schema, tbl_name, raw_data)
                values ('D', log_schema, log_table, old_data), ('I', log_schema, log_table, new_data);
                return null;
            end if;
        end loop;
    end if;

    insert into {{ audit_table }} (audit_operation, tbl_schema, tbl_name, raw_data)
    values (left(tg_op, 1), log_schema, log_table, coalesce(new_data, old_data));
    return null;
end
$icefront$;

-- Who may execute it could hang it on a table of theirs and write to the log. Triggers that exist do not ask for this right.
revoke all on function {{ function }}() from public;

commit;
