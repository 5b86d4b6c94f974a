-- Takes in the results of an earlier run: its works with all their turns, and where they were measured.
insert into bench.works (name, definition, model, work, machine)
select result ->> 'name', result ->> 'definition', result ->> 'model', result ->> 'work', coalesce(nullif(result -> 'measured_on', 'null'), kept -> 'machine')
from (select :'kept'::jsonb as kept) as earlier
cross join jsonb_array_elements(kept -> 'results') with ordinality as listed (result, n)
order by n;

insert into bench.turns (work, turn, side, was_first, seconds, said_seconds, trino_cpu, own_cpu)
select result ->> 'name', turn.turn, turn.side, turn.was_first, turn.seconds, turn.said_seconds, turn.trino_cpu_seconds, turn.own_cpu_seconds
from jsonb_array_elements(:'kept'::jsonb -> 'results') as listed (result)
cross join jsonb_to_recordset(result -> 'turns') as turn (
  turn int, side text, was_first boolean, seconds numeric, said_seconds numeric, trino_cpu_seconds numeric, own_cpu_seconds numeric
);
