-- Gives an attempt of a run back to whoever takes it next.
update icefront.runs set state = 'queued' where id = $1 and attempt = $2 and state = 'running'
