-- Notes that all files of a batch are written, and what landing them will prove.
update icefront.batches
set state = 'written', position = $3, covered_until = $4, events = $5, files = $6, bytes = $7
where pipeline = $1 and id = $2 and state = 'reading'
