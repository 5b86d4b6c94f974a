-- Logs the changes of {{ table }} from now on: what each logged table gets. Harmless to repeat.
--
-- Triggers of one event fire in the byte order of their names, and "!" sorts before
-- letters, digits and "_": an AFTER trigger that fired earlier and wrote the same row would log its write before this one.
begin;

do $icefront$
declare
    target constant regclass := '{{ table }}';
    key text[] := array[{{ key }}]::text[];
    unknown text;
begin
    if key = '{}' then
        select array_agg(a.attname::text order by k.position) into key
        from pg_catalog.pg_index as i
        cross join lateral unnest(i.indkey) with ordinality as k (attnum, position)
        join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
        where i.indrelid = target and i.indisprimary;
    end if;
    if key is null then
        raise exception 'table % has no primary key', target
            using hint = 'Name the columns that tell its rows apart: icefront audit-trigger --key';
    end if;

    select k into unknown from unnest(key) as k
    where not exists (
        select from pg_catalog.pg_attribute where attrelid = target and attname = k and attnum > 0 and not attisdropped
    );
    if unknown is not null then
        raise exception 'table % has no column "%", which should be in its key', target, unknown;
    end if;

    execute format(
        'create or replace trigger "!icefront_audit" after insert or update or delete on %s for each row execute function %s(%s)',
        target, '{{ function }}', (select string_agg(quote_literal(k), ', ' order by position) from unnest(key) with ordinality as k (k, position))
    );
end
$icefront$;

create or replace trigger "!icefront_audit_truncate" after truncate on {{ table }} for each statement execute function {{ function }}();

commit;
