-- Gives an attempt of a run back to whoever takes it next.
update icefront.runs set state = 'queued', lost = 0 where id = $1 and attempt = $2 and state = 'running'
