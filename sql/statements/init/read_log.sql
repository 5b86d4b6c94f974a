-- Lets the user of the connection read the audit log, and see how far its ids are.
grant usage on schema {{ log[0] }} to {{ user }};
grant select on {{ log }} to {{ user }};
do $icefront$
declare
  ids constant text := pg_get_serial_sequence({{ quoted_log | literal }}, 'audit_event_id');
begin
  if ids is not null then
    execute format('grant select on sequence %s to %I', ids, {{ user | literal }});
  end if;
end
$icefront$;
